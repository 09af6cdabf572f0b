#include "margay/http/router.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::http {
namespace {

bool is_variable(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }
bool is_rest(std::string_view segment) { return is_variable(segment) && segment.ends_with("*}"); }

std::string_view variable_name(std::string_view segment) {
  return segment.substr(1, segment.size() - (is_rest(segment) ? 3 : 2));
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {  // begins with "/"
    const std::size_t end = std::min(path.find('/', 1), path.size());
    segments.push_back(path.substr(1, end - 1));
    path.remove_prefix(end);
  }
  return segments;
}

/// What the pattern's variables hold, or nullopt if it does not match.
std::optional<std::vector<QueryField>> variables_of(std::string_view pattern, std::string_view path) {
  const std::vector<std::string_view> wanted = segments_of(pattern);
  const std::vector<std::string_view> given = segments_of(path);
  std::vector<QueryField> variables;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (i >= given.size()) return std::nullopt;
    const std::string_view word = wanted[i];
    if (is_rest(word)) {
      variables.push_back({std::string(variable_name(word)),
                           std::string(path.substr(static_cast<std::size_t>(given[i].data() - path.data())))});
      return variables;
    }
    if (!is_variable(word) && word != given[i]) return std::nullopt;
    if (!is_variable(word)) continue;
    if (given[i].empty()) return std::nullopt;
    variables.push_back({std::string(variable_name(word)), std::string(given[i])});
  }
  return wanted.size() == given.size() ? std::optional(std::move(variables)) : std::nullopt;
}

/// Words before {name} before {name*}, from the left on.
bool is_nearer(std::string_view a, std::string_view b) {
  const std::vector<std::string_view> first = segments_of(a);
  const std::vector<std::string_view> second = segments_of(b);
  const auto rank = [](std::string_view segment) { return is_rest(segment) ? 2 : is_variable(segment) ? 1 : 0; };
  return std::lexicographical_compare(first.begin(), first.end(), second.begin(), second.end(),
                                      [&](std::string_view x, std::string_view y) { return rank(x) < rank(y); });
}

/// Whether both match the same paths.
bool is_same_pattern(std::string_view a, std::string_view b) {
  const std::vector<std::string_view> first = segments_of(a);
  const std::vector<std::string_view> second = segments_of(b);
  return std::equal(first.begin(), first.end(), second.begin(), second.end(),
                    [](std::string_view x, std::string_view y) {
                      return is_variable(x) && is_variable(y) ? is_rest(x) == is_rest(y) : x == y;
                    });
}

void check_pattern(std::string_view pattern) {
  if (!pattern.starts_with('/')) throw std::invalid_argument(fmt::format("[router] {} does not begin with /", pattern));
  const std::vector<std::string_view> segments = segments_of(pattern);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (!is_variable(segments[i])) continue;
    if (is_rest(segments[i]) && i + 1 < segments.size()) {
      throw std::invalid_argument(fmt::format("[router] {} goes on behind {}", pattern, segments[i]));
    }
    for (std::size_t j = 0; j < i; ++j) {
      const bool is_taken = is_variable(segments[j]) && variable_name(segments[j]) == variable_name(segments[i]);
      if (is_taken) throw std::invalid_argument(fmt::format("[router] {} names {} twice", pattern, segments[i]));
    }
  }
}

bool answers(const Route& route, std::string_view method) {
  return route.method == method || (route.method == "GET" && method == "HEAD");
}

Response with_allow(Response response, const std::vector<std::string>& methods) {
  response.headers.set("Allow", core::joined(methods, ", "));
  return response;
}

Response token_needed(bool is_wrong) {
  Response response =
      error(401, is_wrong ? "the token is not known" : "a token is needed: Authorization: Bearer TOKEN");
  response.headers.set("WWW-Authenticate", is_wrong ? "Bearer error=\"invalid_token\"" : "Bearer");
  return response;
}

}  // namespace

void Router::add(Route route) {
  check_pattern(route.pattern);
  if (!is_token(route.method)) throw std::invalid_argument(fmt::format("[router] {} is no method", route.method));
  for (const Route& other : routes_) {
    if (other.method == route.method && is_same_pattern(other.pattern, route.pattern)) {
      throw std::invalid_argument(fmt::format("[router] {} {} is taken", route.method, route.pattern));
    }
  }
  const auto place = std::find_if(routes_.begin(), routes_.end(),
                                  [&](const Route& other) { return is_nearer(route.pattern, other.pattern); });
  routes_.insert(place, std::move(route));
}

std::optional<Response> Router::refusal(const Request& head) const {
  const Match found = match(head.method, head.path);
  if (!found.route) {
    const std::vector<std::string> methods = methods_of(head.path);
    if (head.method == "OPTIONS" && (!methods.empty() || head.path == "*")) return with_allow({.status = 204}, methods);
    if (methods.empty()) return error(404, "there is nothing at this address");
    return with_allow(error(405, fmt::format("this address answers {}", core::joined(methods, ", "))), methods);
  }
  const bool is_open =
      found.route->access == RouteAccess::kOpen || (found.route->access == RouteAccess::kTokenIfAny && tokens_.empty());
  const std::string_view token = head.bearer_token();
  if (is_open || tokens_.accepts(token)) return std::nullopt;
  return token_needed(!token.empty());
}

void Router::operator()(Request request, Reply reply) const {
  if (std::optional<Response> refused = refusal(request)) return reply(std::move(*refused));
  Match found = match(request.method, request.path);
  request.parameters = std::move(found.parameters);
  found.route->handler(std::move(request), std::move(reply));
}

/// Routes stand in the order in which they are tried.
Router::Match Router::match(std::string_view method, std::string_view path) const {
  for (const Route& route : routes_) {
    if (!answers(route, method)) continue;
    if (auto variables = variables_of(route.pattern, path)) return {&route, std::move(*variables)};
  }
  return {};
}

std::vector<std::string> Router::methods_of(std::string_view path) const {
  std::vector<std::string> methods;
  const auto add_once = [&](const std::string& method) {
    if (std::find(methods.begin(), methods.end(), method) == methods.end()) methods.push_back(method);
  };
  for (const Route& route : routes_) {
    if (!variables_of(route.pattern, path)) continue;
    add_once(route.method);
    if (route.method == "GET") add_once("HEAD");
  }
  if (!methods.empty()) add_once("OPTIONS");
  return methods;
}

}  // namespace margay::http
