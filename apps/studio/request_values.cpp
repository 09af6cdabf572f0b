#include "apps/studio/request_values.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "apps/studio/studio.h"
#include "margay/core/error.h"
#include "margay/core/json_values.h"
#include "margay/core/unicode.h"
#include "margay/http/target.h"

namespace margay::studio {

nlohmann::ordered_json request_object(const http::Request& request) {
  if (request.body.empty()) return nlohmann::ordered_json::object();
  nlohmann::ordered_json body = core::parsed_json(request.body);
  if (body.is_object()) return body;
  throw std::invalid_argument("the body of the request is no JSON object");
}

nlohmann::ordered_json list_of(const nlohmann::ordered_json& body, const char* field) {
  const auto found = body.find(field);
  if (found != body.end() && found->is_array()) return *found;
  throw std::invalid_argument(fmt::format("the request needs a list of '{}'", field));
}

std::string text_in(const http::Request& request, const char* name) {
  const std::string* const value = request.query_value(name);
  return value == nullptr ? "" : *value;
}

std::int64_t whole_number(std::string_view text, std::string_view what) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem == std::errc() && end == text.data() + text.size() && !text.empty()) return value;
  throw http::RequestError(400, fmt::format("{} must be a whole number, got \"{}\"", what, core::valid_utf8(text)));
}

std::int64_t number_of(const http::Request& request, const char* name, std::int64_t absent, std::int64_t low,
                       std::int64_t high) {
  const std::string text = text_in(request, name);
  if (text.empty()) return absent;
  const std::int64_t value = whole_number(text, name);
  if (value >= low && value <= high) return value;
  throw http::RequestError(400, fmt::format("`{}` must be a whole number of {} … {}", name, low, high));
}

std::size_t count_in(const http::Request& request, const char* name, std::size_t otherwise, std::size_t most) {
  const auto count =
      number_of(request, name, static_cast<std::int64_t>(otherwise), 1, std::numeric_limits<std::int64_t>::max());
  return std::min(most, static_cast<std::size_t>(count));
}

nlohmann::ordered_json json_of(const http::Request& request, const char* name) {
  const std::string* text = request.query_value(name);
  if (text == nullptr || text->empty()) return nlohmann::ordered_json::object();
  auto json = core::parsed_json(*text);
  if (!json.is_object()) throw http::RequestError(400, fmt::format("`{}` must be JSON: {{\"name\": value}}", name));
  return json;
}

nlohmann::ordered_json result_of_one(const nlohmann::ordered_json& decision, const Studio& studio,
                                     const std::function<nlohmann::ordered_json()>& decide) {
  const std::string id = decision.is_object() ? field_of<std::string>(decision, "id", "") : "";
  const auto refused = [&](const std::string& why, bool may_retry) {
    return nlohmann::ordered_json{{"id", id}, {"error", studio.words(why)}, {"may_retry", may_retry}};
  };
  try {
    return decide();
  } catch (const http::RequestError& error) {
    return refused(error.what(), false);
  } catch (const std::invalid_argument& error) {
    return refused(error.what(), false);
  } catch (const std::exception& error) {  // the disk, a lock, a file that cannot be read
    return refused(core::without_stack_frames(error.what()), true);
  }
}

}  // namespace margay::studio
