#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "apps/studio/access.h"
#include "apps/studio/changes.h"
#include "apps/studio/served_folders.h"
#include "apps/studio/workers.h"
#include "margay/http/router.h"

namespace margay::studio {

class Studio;

/// What a route gives: JSON, which may be kept nowhere, or a whole response.
struct RouteResult {
  http::Response response;

  RouteResult(http::Response given) : response(std::move(given)) {}  // NOLINT(google-explicit-constructor)
  RouteResult(const nlohmann::ordered_json& json);                   // NOLINT(google-explicit-constructor)
};

/// Where a view adds what its page asks for:
///
///     void add_data_routes(StudioRoutes& routes) {
///       const auto view = std::make_shared<DataView>(routes.studio());   // lives as long as the routes
///       routes.get("/api/data/{folder}/images", [view](const http::Request& request) {
///         const ServedFolder& folder = view->studio.folders().at(request.parameter("folder"));
///         return RouteResult(view->images(folder));
///       });
///     }
///
/// and its name stands once in routes/views.cpp. Functions run on a thread of the studio's (several at once), never on
/// the server's. What they throw is answered with {"error": what}: http::RequestError with its status,
/// std::invalid_argument with 400, core::DataError with 422, all else with 500. A backquoted option in the message is
/// shown as the program's flag.
class StudioRoutes {
 public:
  using Function = std::function<RouteResult(const http::Request&)>;

  StudioRoutes(Studio& studio, Workers& workers);

  /// Reads: changes nothing that another page could see. pattern: as http::Route's, below "/api/".
  void get(const std::string& pattern, Function function);
  /// Changes something. method: "POST", "PUT", "PATCH" or "DELETE". With --read-only it is never called.
  void write(const std::string& method, const std::string& pattern, Function function);
  /// Asks what is too long for an address, as an image, by POST. Changes nothing that another page could see, so it is
  /// called with --read-only, too.
  void ask(const std::string& pattern, Function function);
  /// Answers by itself, on the server's own thread, which must not wait: streams, and what is in memory.
  void at_once(const std::string& pattern, http::Handler handler);

  Studio& studio() { return studio_; }
  /// What a request does, by its method and its path.
  Effect effect_of(const http::Request& head) const;
  const http::Router& router() const { return router_; }

 private:
  void add(const std::string& method, const std::string& pattern, Function function);

  Studio& studio_;
  Workers& workers_;
  http::Router router_;
  http::Router questions_;  ///< only to know their paths
};

}  // namespace margay::studio
