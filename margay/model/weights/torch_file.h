#pragma once

#include <filesystem>
#include <string>

#include "margay/model/weights/tensor_map.h"

namespace margay::model {

struct TorchFile {
  TensorMap tensors;
  std::string format;  ///< "PyTorch (zip), entry 'state_dict'", "PyTorch (before 1.6)"
};

/// Reads the state dict of a file of torch.save, of both forms: the zip file of torch 1.6 and later, and the sequence
/// of pickles and storages of before. Bare, or in one of the entries that find_state_dict knows. The pickles are only
/// read, never run (unpickler.h): a file that asks for anything but tensors and plain values is refused by the name of
/// what it asks for.
///
/// Tensors are views of a copy of the file in memory, with strides and shared storages as saved. Throws
/// core::FormatError naming the file, the place and the tensor; for TorchScript, whole pickled models and files of
/// big-endian machines it says what to do. core::DataError if the file cannot be opened.
TorchFile read_torch_file(const std::filesystem::path& path);

}  // namespace margay::model
