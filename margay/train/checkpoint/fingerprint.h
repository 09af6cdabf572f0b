#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "margay/train/learner.h"

namespace margay::train {

/// The properties that a training must share with that of a checkpoint to continue from it as if nothing had happened:
/// seed, batch_size, accumulate, the micro-batches and their threads (but not the number of processes), drop_last,
/// balance and mix of the training batches, the sizes of the training and the validation set, architecture, task,
/// vocabulary and transforms. The recipe is part of TrainingState, since a learner gets it only when it runs.
nlohmann::ordered_json fingerprint(const Learner& learner);

/// Throws core::FormatError unless `found` equals the learner's fingerprint. The message names `source`, the first
/// field that differs, and both values.
void check_fingerprint(const nlohmann::ordered_json& found, const Learner& learner,
                       const std::filesystem::path& source);

}  // namespace margay::train
