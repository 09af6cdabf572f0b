#include "margay/core/json_values.h"

#include <cmath>
#include <istream>

#include <nlohmann/json.hpp>

#include "margay/core/unicode.h"

namespace margay::core {
namespace {

using Json = nlohmann::ordered_json;

template <class Text>
Json parse_shallow(Text&& text) {
  constexpr int kDeepest = 64;
  bool is_too_deep = false;
  // What is deeper is left out while it is read, so that nothing of it has to be copied.
  const auto may_stay = [&](int depth, Json::parse_event_t /*event*/, Json& /*value*/) {
    is_too_deep = is_too_deep || depth > kDeepest;
    return !is_too_deep;
  };
  Json json = Json::parse(text, may_stay, /*allow_exceptions=*/false);
  return is_too_deep ? Json(Json::value_t::discarded) : json;
}

}  // namespace

nlohmann::ordered_json parsed_json(std::string_view text) { return parse_shallow(text); }
nlohmann::ordered_json parsed_json(std::istream& text) { return parse_shallow(text); }

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
