#include <nlohmann/json.hpp>

#include "apps/studio/routes/views.h"
#include "apps/studio/studio.h"

namespace margay::studio {

void add_runs_routes(StudioRoutes& routes) {
  Studio& studio = routes.studio();
  routes.get("/api/runs", [&studio](const http::Request&) {
    return RouteResult(nlohmann::ordered_json{{"folder", studio.folders().runs().string()}});
  });
}

}  // namespace margay::studio
