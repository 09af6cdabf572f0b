#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <c10/core/ScalarType.h>

#include "margay/model/weights/pickle/pickle.h"

namespace margay::model {

/// A storage, as described by torch.save.
struct StorageRecord {
  std::string key;
  /// The dtype of its elements; nothing for a storage of bytes (UntypedStorage), whose tensors have their own dtype.
  std::optional<c10::ScalarType> dtype;
  std::int64_t elements = 0;
};

/// A tensor, as described by torch.save: a strided view of a storage, with at most 16 dimensions. It has not been
/// checked against the storage.
struct TensorRecord {
  StorageRecord storage;
  c10::ScalarType dtype = c10::ScalarType::Float;
  std::int64_t offset = 0;  ///< in elements
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
};

/// The record of a value that is a tensor (one of torch's _rebuild_ functions, with parameters and subclasses
/// unwrapped), or nothing for other values. Throws core::FormatError if its arguments are not those that torch writes.
std::optional<TensorRecord> tensor_record(const Pickle& pickle, PickleId value, const std::filesystem::path& path);

/// The record of a value that is a storage, or nothing.
std::optional<StorageRecord> storage_record(const Pickle& pickle, PickleId value, const std::filesystem::path& path);

/// The state dict within a pickle.
struct StateDict {
  std::vector<std::pair<std::string, TensorRecord>> tensors;  ///< in the file's order; of one name the last counts
  std::string entry;  ///< its entry in the checkpoint, such as "state_dict" or "model"; "": the whole
};

/// Finds it: the pickle itself, or the first of these entries that holds tensors: state_dict_ema, model_ema (averages
/// of weights, which publishers evaluate, as timm prefers them), state_dict, model (fastai's learn.save),
/// model_state_dict, model_state, module, net, ema, weights; up to three deep. Other values beside it are ignored.
/// Throws core::FormatError, which lists the keys, if there is none.
StateDict find_state_dict(const Pickle& pickle, const std::filesystem::path& path);

}  // namespace margay::model
