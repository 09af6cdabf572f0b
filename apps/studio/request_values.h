#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/http/request.h"

namespace margay::studio {

class Studio;

/// The JSON object of a body; an empty one where there is none. Throws std::invalid_argument for anything else.
nlohmann::ordered_json request_object(const http::Request& request);

/// A list in a body. Throws std::invalid_argument where there is none.
nlohmann::ordered_json list_of(const nlohmann::ordered_json& body, const char* field);

/// A field of a body, or another value where it is missing or null. Throws std::invalid_argument for another type.
template <class T>
T field_of(const nlohmann::ordered_json& body, const char* field, T otherwise) {
  const auto found = body.find(field);
  if (found == body.end() || found->is_null()) return otherwise;
  try {
    return found->get<T>();
  } catch (const nlohmann::ordered_json::exception&) {
    throw std::invalid_argument(fmt::format("'{}' in the request has another type than it should", field));
  }
}

/// Query values of a request: "" for one that is missing.
std::string text_in(const http::Request& request, const char* name);
/// A number from 1 to `most`; more becomes `most`. Throws http::RequestError, 400.
std::size_t count_in(const http::Request& request, const char* name, std::size_t otherwise, std::size_t most);
/// A whole number of the query within low … high; `absent` where it is not given. Throws http::RequestError, 400.
std::int64_t number_of(const http::Request& request, const char* name, std::int64_t absent, std::int64_t low,
                       std::int64_t high);
/// what: of the message. Throws http::RequestError, 400, for what is no whole number.
std::int64_t whole_number(std::string_view text, std::string_view what);
/// The JSON object that the query holds under a name; {} where it holds none. Throws http::RequestError, 400.
nlohmann::ordered_json json_of(const http::Request& request, const char* name);

/// What became of one decision of many: what `decide` gives, or {"id", "error", "may_retry"}: one that is wrong may not
/// be tried again, one that the disk or a lock refused may. decision: with its "id".
nlohmann::ordered_json result_of_one(const nlohmann::ordered_json& decision, const Studio& studio,
                                     const std::function<nlohmann::ordered_json()>& decide);

}  // namespace margay::studio
