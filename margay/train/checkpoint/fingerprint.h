#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "margay/train/learner.h"

namespace margay::train {

/// What a training must have in common with the one that a checkpoint is of, so that it can go on as if nothing had
/// happened: seed, batch_size, accumulate, drop_last, balance and mix of the training batches, how many images train
/// and validate, architecture, task, vocabulary and transforms. The recipe belongs to TrainingState, since a learner
/// hears of it only when it runs.
nlohmann::ordered_json fingerprint(const Learner& learner);

/// Throws core::FormatError, naming `source`, the first field that differs, what the checkpoint says and what the
/// learner has, unless `found` is the learner's own.
void check_fingerprint(const nlohmann::ordered_json& found, const Learner& learner,
                       const std::filesystem::path& source);

}  // namespace margay::train
