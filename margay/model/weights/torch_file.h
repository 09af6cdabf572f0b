#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

#include "margay/model/weights/tensor_map.h"
#include "margay/model/weights/torch_content.h"

namespace margay::model {

/// The storages of a file of torch.save, by their keys.
class TorchStorages {
 public:
  /// file: all its bytes, uint8 [N].
  TorchStorages(at::Tensor file, std::filesystem::path path, StoragePlaces places)
      : file_(std::move(file)), path_(std::move(path)), places_(std::move(places)) {}

  /// The tensor, a view of the file's bytes (a copy where its elements are not aligned), which live as long as it.
  /// Tensors that shared a storage share it again. name: for messages.
  /// Throws core::FormatError as place_of, and for truth values other than 0 and 1.
  at::Tensor tensor(const std::string& name, const TensorRecord& record);

 private:
  /// All bytes of the tensor's storage as elements of its dtype, whatever number of them the tensor says it has.
  at::Tensor flat(const std::string& name, const TensorRecord& record, const StoragePlace& place);

  at::Tensor file_;
  std::filesystem::path path_;
  StoragePlaces places_;
  std::map<std::pair<std::string, c10::ScalarType>, at::Tensor> flat_;
};

struct TorchFile {
  TensorMap tensors;
  std::string format;  ///< "PyTorch (zip), entry 'state_dict'", "PyTorch (before 1.6)"
};

/// Reads the state dict of a file of torch.save, of both forms: the zip file of torch 1.6 and later, and the sequence
/// of pickles and storages of before. Bare, or in one of the entries that find_state_dict knows. The pickles are only
/// read, never executed (unpickler.h): a file that contains anything but tensors and plain values is refused, and the
/// message names it.
///
/// Tensors are views of a copy of the file in memory, with strides and shared storages as saved. Throws
/// core::FormatError naming the file, the place and the tensor; for TorchScript, whole pickled models and files of
/// big-endian machines it says what to do. core::DataError if the file cannot be opened.
TorchFile read_torch_file(const std::filesystem::path& path);

}  // namespace margay::model
