#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "margay/http/reply.h"
#include "margay/http/tokens.h"

namespace margay::http {

enum class RouteAccess {
  kOpen,        ///< everybody
  kToken,       ///< whoever sends one of the tokens; without tokens nobody
  kTokenIfAny,  ///< whoever sends one of the tokens; everybody where there are none
};

/// What is done with one method of one kind of path.
struct Route {
  std::string method;   ///< "GET", which also answers HEAD
  std::string pattern;  ///< "/predictions/{model}"; a last segment "{file*}" takes the rest of the path
  Handler handler;
  RouteAccess access = RouteAccess::kOpen;
};

/// Finds the handler of a request: 404 for a path that no pattern matches, 405 with Allow for another method, 401 with
/// WWW-Authenticate where a token is missing or wrong, 204 with Allow for OPTIONS. Where two patterns match, that wins
/// which has a word where the other has {name}, from the left on.
class Router {
 public:
  explicit Router(Tokens tokens = {}) : tokens_(std::move(tokens)) {}

  /// Throws std::invalid_argument for a pattern that does not begin with "/", names a segment twice, or is taken.
  void add(Route route);

  /// Why the request will not reach a handler, told by its head alone: for ServerHooks::admit.
  std::optional<Response> refusal(const Request& head) const;
  /// Calls the route's handler with Request::parameters set, or answers the refusal. It is a Handler.
  void operator()(Request request, Reply reply) const;

  const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Match {
    const Route* route = nullptr;
    std::vector<QueryField> parameters;
  };
  Match match(std::string_view method, std::string_view path) const;
  std::vector<std::string> methods_of(std::string_view path) const;

  Tokens tokens_;
  std::vector<Route> routes_;
};

}  // namespace margay::http
