#pragma once

#include <filesystem>
#include <string>

#include "margay/model/weights/safetensors.h"
#include "margay/model/weights/tensor_map.h"

namespace margay::model {

/// Tensors of a bundle whose names begin so are no weights: what it remembers of its images. Nobody's weights do.
constexpr const char* kNoWeights = "margay.";

/// Named tensors of a file of any form, under the names that it gives them.
struct WeightsFile {
  TensorMap tensors;
  Metadata metadata;   ///< of a safetensors file; a .margay bundle's description is "margay"
  std::string format;  ///< "safetensors", "safetensors in 3 files", "PyTorch (zip), entry 'state_dict'": for people
};

/// Reads weights in any of these forms, recognised by their bytes and not by the file's name:
/// - safetensors, and so .margay bundles;
/// - torch.save's files of both forms (.pth, .pt, .bin, .ckpt; fastai's learn.save): torch_file.h;
/// - an index of several such files (model.safetensors.index.json, pytorch_model.bin.index.json): {"weight_map":
///   {NAME: FILE}}, the files beside it;
/// - a folder that holds one of these: an index, model.safetensors, pytorch_model.bin, or else the only file whose
///   name ends as one of weights.
/// Tensors that are no weights (kNoWeights) are left out. Tensors do not depend on the files afterwards. Nothing in a
/// file is ever executed. Throws core::DataError for what cannot be opened and for a folder without weights or with
/// several, core::FormatError for every violation of the format. Messages recognise web pages, Git LFS pointers and
/// archives in place of weights.
WeightsFile read_weights(const std::filesystem::path& file_or_folder);

/// The file that read_weights would read: the same, unless it is a folder. Throws as that for folders.
std::filesystem::path weights_file_of(const std::filesystem::path& file_or_folder);

/// Whether the file is an index of several. Throws core::DataError if it cannot be opened.
bool is_index_of_weights(const std::filesystem::path& file);

}  // namespace margay::model
