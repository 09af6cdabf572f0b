#include "apps/studio/request_body.h"

#include <algorithm>
#include <charconv>

#include "apps/studio/studio.h"
#include "margay/core/error.h"
#include "margay/http/target.h"

namespace margay::studio {

nlohmann::ordered_json request_object(const http::Request& request) {
  if (request.body.empty()) return nlohmann::ordered_json::object();
  nlohmann::ordered_json body = nlohmann::ordered_json::parse(request.body, nullptr, false);
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

std::int64_t whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size()) return value;
  throw std::invalid_argument(fmt::format("'{}' in the address is no whole number", text));
}

std::size_t count_in(const http::Request& request, const char* name, std::size_t otherwise, std::size_t most) {
  const std::string text = text_in(request, name);
  if (text.empty()) return otherwise;
  const std::int64_t count = whole_number(text);
  if (count < 1) throw std::invalid_argument(fmt::format("'{}' in the address must be 1 or more", name));
  return std::min(most, static_cast<std::size_t>(count));
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
