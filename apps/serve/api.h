#pragma once

#include <functional>
#include <string>
#include <vector>

#include "margay/http/router.h"

namespace margay::routes {

/// A value of a query that a route takes.
struct QueryDoc {
  std::string name;
  std::string type;  ///< of JSON Schema: "integer", "number", "string"
  std::string help;
};

/// What the schema of /openapi.json says of a route.
struct RouteDoc {
  std::string summary;
  std::vector<QueryDoc> query = {};
  std::vector<std::string> takes = {};     ///< media types of the body; none: it takes no body
  std::string gives = "application/json";  ///< media type of the response
  std::string schema = "";                 ///< of components/schemas, of the response where it is JSON
  std::string request_schema = "";         ///< of a body in JSON
};

/// The server's routes, each with its description, so that none is without one.
class Api {
 public:
  explicit Api(http::Tokens tokens) : router_(std::move(tokens)) {}

  void add(http::Route route, RouteDoc doc);

  const http::Router& router() const { return router_; }

  /// The OpenAPI document (OpenAPI 3.1.0), as text.
  std::string openapi(const std::string& version) const;

 private:
  /// A route as it was added; the router sorts its own.
  struct Described {
    std::string method;
    std::string pattern;
    http::RouteAccess access;
    RouteDoc doc;
  };

  http::Router router_;
  std::vector<Described> described_;
};

}  // namespace margay::routes
