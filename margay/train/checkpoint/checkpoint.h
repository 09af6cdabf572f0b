#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "margay/train/learner.h"

namespace margay::train {

/// Writes model and optimizer as one safetensors file ("model.…", "optimizer.…"), with `position` (free JSON:
/// where training stood) in its metadata. Atomic: a failure leaves the previous file. Throws core::IoError.
void save_checkpoint(const std::filesystem::path& path, Learner& learner, const nlohmann::ordered_json& position);

/// Puts model and optimizer back and returns the position. Throws core::DataError and core::FormatError for a file
/// that is missing, broken or of another model; the learner may then be partly changed.
nlohmann::ordered_json load_checkpoint(const std::filesystem::path& path, Learner& learner);

}  // namespace margay::train
