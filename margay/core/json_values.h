#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace margay::core {

/// The number; null for NaN and infinity, which JSON has no words for.
nlohmann::ordered_json finite_or_null(double number);

/// A path as text; one that is not UTF-8, which JSON must be, as a list of its bytes.
nlohmann::ordered_json path_json(const std::string& path);
/// Reads both. Throws nlohmann::json::exception for anything else.
std::string path_of_json(const nlohmann::ordered_json& json);

}  // namespace margay::core
