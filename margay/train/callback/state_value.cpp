#include "margay/train/callback/state_value.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"

namespace margay::train {

using Json = nlohmann::ordered_json;

namespace {

const Json& checked(const Json& state, const char* key, bool (*is_right)(const Json&),
                    const std::filesystem::path& source) {
  const auto found = state.find(key);  // none in what is no object
  if (found != state.end() && is_right(*found)) return *found;
  throw core::FormatError(source, fmt::format("the state of a callback has no usable '{}'; the file is damaged or of "
                                              "another version",
                                              key));
}

}  // namespace

std::int64_t count_at(const Json& state, const char* key, const std::filesystem::path& source) {
  const auto is_count = [](const Json& value) { return value.is_number_integer() && value.get<std::int64_t>() >= 0; };
  return checked(state, key, is_count, source).get<std::int64_t>();
}

double number_at(const Json& state, const char* key, const std::filesystem::path& source) {
  return checked(
             state, key, [](const Json& value) { return value.is_number(); }, source)
      .get<double>();
}

bool flag_at(const Json& state, const char* key, const std::filesystem::path& source) {
  return checked(
             state, key, [](const Json& value) { return value.is_boolean(); }, source)
      .get<bool>();
}

const Json& part_at(const Json& state, const char* key, const std::filesystem::path& source) {
  return checked(
      state, key, [](const Json& value) { return value.is_object(); }, source);
}

}  // namespace margay::train
