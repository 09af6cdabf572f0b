#pragma once

#include <cstdint>
#include <filesystem>

#include "margay/train/callback/callback.h"

namespace margay::train {

/// A count that a log keeps in a checkpoint. Throws core::FormatError, naming `source`, where the state has no such
/// whole number from 0 on.
std::int64_t log_count(const CallbackState& state, const char* key, const std::filesystem::path& source);

}  // namespace margay::train
