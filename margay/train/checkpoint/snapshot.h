#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "margay/model/weights/tensor_map.h"
#include "margay/train/learner.h"

namespace margay::train {

/// All that decides how a learner goes on: "model.…", "optimizer.…" and "callback.NAME.…" tensors, the states of
/// LibTorch's generators ("random.cpu", and the device's), the steps so far ("steps", float64 [S,3]); and as JSON where
/// training stands and a fingerprint of the training.
struct Snapshot {
  model::TensorMap tensors;
  nlohmann::ordered_json values;
};

/// The tensors are the learner's own memory, which its next step changes; copied() has its own.
Snapshot take_snapshot(Learner& learner);
Snapshot copied(const Snapshot& snapshot);

/// Puts everything back; the learner's next fit goes on where that of the snapshot stood. Callbacks whose state the
/// snapshot lacks are left as they are. Throws core::FormatError, naming `source`, for a snapshot of another training
/// (check_fingerprint), which changes nothing, and of another model or optimizer; the learner may then be partly
/// changed. Throws std::invalid_argument from within a fit.
void restore(Learner& learner, const Snapshot& snapshot, const std::filesystem::path& source);

}  // namespace margay::train
