#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "margay/train/learner.h"

namespace margay::train {

/// Writes model and optimizer as one safetensors file ("model.…", "optimizer.…"), with the state of LibTorch's
/// generator on the learner's device ("random.cpu", "random.cuda"), and in its metadata `position` (free JSON: where
/// training stood) and the learner's passes: a learner of the same data that loads it goes on as if nothing had
/// happened. Atomic: a failure leaves the previous file. Throws core::IoError.
void save_checkpoint(const std::filesystem::path& path, Learner& learner, const nlohmann::ordered_json& position);

/// Puts model, optimizer, generator and passes back and returns the position. Throws core::DataError and
/// core::FormatError for a file that is missing, broken or of another model; the learner may then be partly changed.
nlohmann::ordered_json load_checkpoint(const std::filesystem::path& path, Learner& learner);

}  // namespace margay::train
