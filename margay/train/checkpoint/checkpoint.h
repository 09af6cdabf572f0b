#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "margay/model/weights/tensor_map.h"
#include "margay/train/learner.h"

namespace margay::train {

/// Everything that determines how a learner continues: "model.…", "optimizer.…" and "callback.NAME.…" tensors, the
/// states of LibTorch's generators ("random.cpu", and the device's), the steps so far ("steps", float64 [S,3]); and as
/// JSON the training state and a fingerprint of the training.
struct Snapshot {
  model::TensorMap tensors;
  nlohmann::ordered_json values;
};

/// The tensors are the learner's own memory, which its next step changes; copied() has its own.
Snapshot take_snapshot(Learner& learner);
Snapshot copied(const Snapshot& snapshot);

/// Restores everything; the learner's next fit continues where that of the snapshot stopped. Callbacks whose state is
/// not in the snapshot are not changed. Throws core::FormatError, naming `source`, for a snapshot of another training
/// (check_fingerprint), which changes nothing, and of another model or optimizer; the learner may then be partly
/// changed. Throws std::invalid_argument from within a fit.
void restore(Learner& learner, const Snapshot& snapshot, const std::filesystem::path& source);

/// Writes a Snapshot of the learner as one safetensors file, with the version of the format and a checksum over all of
/// it in the metadata. Atomic: a failure leaves the previous file. Throws core::IoError.
void save_checkpoint(const std::filesystem::path& path, Learner& learner);

/// The same for a given snapshot.
void write_checkpoint(const std::filesystem::path& path, const Snapshot& snapshot);

/// Reads a checkpoint of this version of Margay or an earlier one. Throws core::DataError and core::FormatError for a
/// file that is missing, incomplete, or not a checkpoint, core::NewerFormatError for one of a later format.
Snapshot read_checkpoint(const std::filesystem::path& path);

/// Restores everything: a learner with the same data and settings then continues as if nothing had happened, even in
/// the middle of an epoch. Throws as read_checkpoint, which changes nothing, and as restore.
void load_checkpoint(const std::filesystem::path& path, Learner& learner);

}  // namespace margay::train
