#pragma once

#include <filesystem>

#include "margay/train/checkpoint/snapshot.h"
#include "margay/train/learner.h"

namespace margay::train {

/// Writes a Snapshot of the learner as one safetensors file, with the version of the format and a checksum over all of
/// it in the metadata. Atomic: a failure leaves the previous file. Throws core::IoError.
void save_checkpoint(const std::filesystem::path& path, Learner& learner);

/// The same of a snapshot at hand.
void write_checkpoint(const std::filesystem::path& path, const Snapshot& snapshot);

/// What save_checkpoint wrote, of this version of Margay or an earlier one. Throws core::DataError and
/// core::FormatError for a file that is missing, torn, or no checkpoint, core::NewerFormatError for one of a later
/// format.
Snapshot read_checkpoint(const std::filesystem::path& path);

/// Puts everything back: a learner of the same data and settings then goes on as if nothing had happened, in the middle
/// of an epoch too. Throws as read_checkpoint, which changes nothing, and as restore.
void load_checkpoint(const std::filesystem::path& path, Learner& learner);

}  // namespace margay::train
