#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace margay::core {

/// What the text of a file or a request says; discarded (is_discarded()) where it is no JSON, and where lists and
/// objects lie more than 64 deep in each other: copying and writing such JSON takes more stack than a thread has.
nlohmann::ordered_json parsed_json(std::string_view text);
nlohmann::ordered_json parsed_json(std::istream& text);

/// The number; null for NaN and infinity, which JSON has no words for.
nlohmann::ordered_json finite_or_null(double number);

/// A path as text; one that is not UTF-8, which JSON must be, as a list of its bytes.
nlohmann::ordered_json path_json(const std::string& path);
/// Reads both. Throws nlohmann::json::exception for anything else.
std::string path_of_json(const nlohmann::ordered_json& json);

}  // namespace margay::core
