#include "margay/core/json_values.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "margay/core/unicode.h"

namespace margay::core {

nlohmann::ordered_json finite_or_null(double number) {
  return std::isfinite(number) ? nlohmann::ordered_json(number) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json path_json(const std::string& path) {
  if (!first_non_utf8(path)) return path;
  nlohmann::ordered_json bytes = nlohmann::ordered_json::array();
  for (const char c : path) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

std::string path_of_json(const nlohmann::ordered_json& json) {
  if (!json.is_array()) return json.get<std::string>();
  std::string path;
  for (const nlohmann::ordered_json& byte : json) path += static_cast<char>(byte.get<unsigned char>());
  return path;
}

}  // namespace margay::core
