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

/// A storage as torch.save refers to it.
struct StorageRecord {
  std::string key;
  /// Of its elements; nothing for one of bytes (UntypedStorage), whose tensors say theirs.
  std::optional<c10::ScalarType> dtype;
  std::int64_t elements = 0;
};

/// A tensor as torch.save takes it down: a strided view of a storage, of at most 16 dimensions. Nothing here has been
/// checked against the storage.
struct TensorRecord {
  StorageRecord storage;
  c10::ScalarType dtype = c10::ScalarType::Float;
  std::int64_t offset = 0;  ///< in elements
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
};

/// What the value says if it is a tensor: one of torch's _rebuild_ functions, parameters and subclasses unwrapped.
/// Nothing for every other value. Throws core::FormatError for one of these that is put together otherwise than torch
/// does.
std::optional<TensorRecord> tensor_record(const Pickle& pickle, PickleId value, const std::filesystem::path& path);

/// What the value says if it is a storage.
std::optional<StorageRecord> storage_record(const Pickle& pickle, PickleId value, const std::filesystem::path& path);

/// The state dict within a pickle.
struct StateDict {
  std::vector<std::pair<std::string, TensorRecord>> tensors;  ///< in the file's order; of one name the last counts
  std::string entry;  ///< "state_dict", "model": where in the checkpoint it stood; "": it was the whole
};

/// Finds it: the pickle itself, or the first of these entries that holds tensors: state_dict_ema, model_ema (averages
/// of weights, which publishers evaluate, as timm prefers them), state_dict, model (fastai's learn.save),
/// model_state_dict, model_state, module, net, ema, weights; up to three deep. What lies beside it and is no tensor is
/// ignored. Throws core::FormatError, with the keys that are there, when there is none.
StateDict find_state_dict(const Pickle& pickle, const std::filesystem::path& path);

}  // namespace margay::model
