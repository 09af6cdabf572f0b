#pragma once

#include <cstdint>
#include <filesystem>

#include <nlohmann/json_fwd.hpp>

namespace margay::train {

// What a callback reads from its state. Each throws core::FormatError, naming `source`, for what is missing or of
// another kind.

/// A whole number, not negative.
std::int64_t count_at(const nlohmann::ordered_json& state, const char* key, const std::filesystem::path& source);
double number_at(const nlohmann::ordered_json& state, const char* key, const std::filesystem::path& source);
bool flag_at(const nlohmann::ordered_json& state, const char* key, const std::filesystem::path& source);
const nlohmann::ordered_json& part_at(const nlohmann::ordered_json& state, const char* key,
                                      const std::filesystem::path& source);

}  // namespace margay::train
