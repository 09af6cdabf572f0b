#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

#include "margay/model/weights/tensor_place.h"

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

}  // namespace margay::model
