#include "margay/http/request.h"

#include <algorithm>

#include "margay/core/text.h"

namespace margay::http {

std::string_view Request::parameter(std::string_view name) const {
  for (const QueryField& field : parameters) {
    if (field.name == name) return field.value;
  }
  return {};
}

const std::string* Request::query_value(std::string_view name) const {
  for (const QueryField& field : query) {
    if (field.name == name) return &field.value;
  }
  return nullptr;
}

std::string_view Request::cookie(std::string_view name) const {
  std::string_view rest = headers.get("Cookie");
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view pair = trimmed(rest.substr(0, end));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

std::string Request::media_type() const {
  const std::string_view field = headers.get("Content-Type");
  return core::lower_case(std::string(trimmed(field.substr(0, field.find(';')))));
}

std::string_view Request::bearer_token() const {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view field = headers.get("Authorization");
  return equal_names(field.substr(0, kScheme.size()), kScheme) ? trimmed(field.substr(kScheme.size()))
                                                               : std::string_view();
}

bool Request::is_same_origin() const {
  const std::string* origin = headers.find("Origin");
  if (!origin) return true;
  const std::size_t scheme = origin->find("://");
  return scheme != std::string::npos && equal_names(std::string_view(*origin).substr(scheme + 3), headers.get("Host"));
}

}  // namespace margay::http
