#pragma once

#include <filesystem>
#include <string>

#include "margay/data/dataset.h"

namespace margay::data {

/// "1200 images 9f86d081884c7d65": of the names, in their order, and the labels of all images, for processes that must
/// have the same ones. root: the folder below which names count, which may lie elsewhere on another machine; "": whole
/// names count.
std::string dataset_digest(const Dataset& dataset, const std::filesystem::path& root);

}  // namespace margay::data
