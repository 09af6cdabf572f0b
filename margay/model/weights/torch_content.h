#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "margay/model/weights/pickle/pickle.h"
#include "margay/model/weights/state_dict.h"

namespace margay::model {

/// Offsets of a storage's first byte and of the one behind its last, from the file's start.
struct StoragePlace {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// By their keys.
using StoragePlaces = std::map<std::string, StoragePlace>;

/// The place of a tensor's storage. name: for messages. Throws core::FormatError for a storage that is missing or
/// shorter than declared, and for sizes, strides or an offset that exceed it or repeat its elements.
StoragePlace place_of(const std::string& name, const TensorRecord& record, const StoragePlaces& storages,
                      const std::filesystem::path& path);

/// The contents of a file of torch.save: its pickle, and the places of the storages that the pickle's tensors refer to.
struct TorchContent {
  Pickle pickle;
  StoragePlaces storages;
  std::string form;  ///< "PyTorch (zip)", "PyTorch (before 1.6)"
};

/// Parses the bytes of a whole file, of either form. Throws core::FormatError as read_torch_file.
TorchContent read_torch_content(std::span<const std::byte> file, const std::filesystem::path& path);

}  // namespace margay::model
