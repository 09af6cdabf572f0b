#include <memory>

#include <nlohmann/json.hpp>

#include "apps/studio/routes/views.h"
#include "apps/studio/studio.h"
#include "apps/studio/studio_page.h"

namespace margay::studio {
namespace {

using Json = nlohmann::ordered_json;

/// What the page must know before it shows a view.
Json about(const Studio& studio) {
  Json folders = Json::array();
  for (const ServedFolder& folder : studio.folders().all()) {
    std::error_code none;
    folders.push_back({{"id", folder.id},
                       {"path", folder.path.string()},
                       {"is_there", std::filesystem::is_directory(folder.path, none)}});
  }
  return {{"version", studio.program().version},
          {"read_only", studio.is_read_only()},
          {"runs", studio.folders().runs().string()},
          {"folders", folders}};
}

void open_stream(Changes& changes, const http::Reply& reply) {
  changes.listen(reply.stream({.content_type = "text/event-stream; charset=utf-8",
                               .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}}));
}

}  // namespace

void add_page_routes(StudioRoutes& routes) {
  Studio& studio = routes.studio();
  const auto page = std::make_shared<const StudioPage>(studio.access());
  for (const char* path : {"/", "/studio.js", "/studio.css"}) {
    routes.at_once(path,
                   [page](const http::Request& request, const http::Reply& reply) { reply(page->answer(request)); });
  }
  routes.get("/api/studio", [&studio](const http::Request&) { return RouteResult(about(studio)); });
  routes.at_once("/api/events",
                 [&studio](const http::Request&, const http::Reply& reply) { open_stream(studio.changes(), reply); });
}

}  // namespace margay::studio
