#pragma once

#include <filesystem>
#include <functional>

#include "margay/model/weights/weights_file.h"

namespace margay::model {

/// Reads an index of files: {"weight_map": {NAME: FILE}}, each FILE a plain name beside the index. Of each file
/// exactly the tensors are taken that the index says it holds.
/// read_file: reads one of them. Throws core::FormatError for an index of another form, one that leads out of its
/// folder, and a tensor that is not in its file; core::DataError for a file that is missing.
WeightsFile read_sharded_weights(const std::filesystem::path& index,
                                 const std::function<WeightsFile(const std::filesystem::path&)>& read_file);

}  // namespace margay::model
