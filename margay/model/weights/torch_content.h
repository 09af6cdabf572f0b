#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "margay/model/weights/pickle/pickle_value.h"
#include "margay/model/weights/tensor_place.h"

namespace margay::model {

/// What a file of torch.save holds: its pickle, and where the storages lie that the pickle's tensors refer to.
struct TorchContent {
  Pickle pickle;
  StoragePlaces storages;
  std::string form;  ///< "PyTorch (zip)", "PyTorch (before 1.6)"
};

/// Takes a whole file's bytes apart, of either form. Throws core::FormatError as read_torch_file.
TorchContent read_torch_content(std::span<const std::byte> file, const std::filesystem::path& path);

}  // namespace margay::model
