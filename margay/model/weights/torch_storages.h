#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

#include "margay/model/weights/mapped_file.h"
#include "margay/model/weights/tensor_place.h"

namespace margay::model {

/// The storages of a file of torch.save, by their keys.
class TorchStorages {
 public:
  TorchStorages(std::shared_ptr<MappedFile> file, std::filesystem::path path, StoragePlaces places)
      : file_(std::move(file)), path_(std::move(path)), places_(std::move(places)) {}

  /// The tensor, a view of the private mapping (a copy where its elements are not aligned), which lives as long as it.
  /// Tensors that shared a storage share it again. name: for messages.
  /// Throws core::FormatError as place_of, and for truth values other than 0 and 1.
  at::Tensor tensor(const std::string& name, const TensorRecord& record);

 private:
  /// All bytes of the tensor's storage as elements of its dtype, whatever number of them the tensor says it has.
  at::Tensor flat(const std::string& name, const TensorRecord& record, const StoragePlace& place);

  std::shared_ptr<MappedFile> file_;
  std::filesystem::path path_;
  StoragePlaces places_;
  std::map<std::pair<std::string, c10::ScalarType>, at::Tensor> flat_;
};

}  // namespace margay::model
