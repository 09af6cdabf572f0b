#include <memory>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/studio/data_request.h"
#include "apps/studio/image_id.h"
#include "apps/studio/lr_search.h"
#include "apps/studio/request_values.h"
#include "apps/studio/routes/views.h"
#include "apps/studio/seen_images.h"
#include "apps/studio/studio.h"
#include "margay/core/json_values.h"
#include "margay/run/train_options.h"

namespace margay::studio {
namespace {

using BatchJson = nlohmann::ordered_json;

/// What the routes of a data set before training share.
struct BatchView {
  explicit BatchView(Studio& owner)
      : studio(owner), search(owner.program().places, owner.options().device, [&owner] {
          owner.changes().publish("lr-find", BatchJson::object());
        }) {}

  const ServedFolder& folder_of(const http::Request& request) const {
    return studio.folders().at(request.parameter("folder"));
  }
  run::DataOptions data_of(const http::Request& request) const {
    return data_options_of(request, studio.folders(), folder_of(request));
  }
  run::BatchOptions batch_of(const http::Request& request) const;

  Studio& studio;
  SeenImages seen;
  LrSearch search;
};

run::BatchOptions BatchView::batch_of(const http::Request& request) const {
  const BatchJson given = json_of(request, "batch");
  refuse_files(given, run::BatchOptions::fields());
  if (given.contains("data")) throw http::RequestError(400, "`data` is given by the query `options`");
  return batch_options(folder_of(request).path, data_of(request), given);
}

RouteResult draws_of(BatchView& view, const http::Request& request) {
  const std::string* id = request.query_value("image");
  if (id == nullptr) throw http::RequestError(400, "no `image` is named");
  const auto seed = number_of(request, "seed", 42, 0, std::numeric_limits<std::int64_t>::max());
  const auto draws = number_of(request, "draws", 8, 1, DrawOf::kMostDraws);
  const auto file = view.studio.folders().inside(view.folder_of(request), path_of_image_id(*id).native());
  return view.seen.draws({.file = file, .draws = static_cast<int>(draws), .seed = static_cast<std::uint64_t>(seed)},
                         json_of(request, "transforms"));
}

RouteResult batch_of(BatchView& view, const http::Request& request) {
  constexpr std::int64_t kMostEpochs = 1'000'000;
  return first_batch(view.batch_of(request), view.studio.program().cache_folder,
                     number_of(request, "epoch", 0, 0, kMostEpochs));
}

RouteResult summary_of(BatchView& view, const http::Request& request) {
  BatchJson json = batch_summary(view.batch_of(request), view.studio.program().cache_folder);
  if (!json["failure"].is_null()) {
    for (const char* name : {"problem", "remedy"}) {
      json["failure"][name] = view.studio.words(json["failure"][name].get<std::string>());
    }
  }
  for (BatchJson& warning : json["warnings"]) warning = view.studio.words(warning.get<std::string>());
  return json;
}

RouteResult begin_search(BatchView& view, const http::Request& request) {
  const BatchJson given = request.body.empty() ? BatchJson::object() : core::parsed_json(request.body);
  if (!given.is_object()) throw http::RequestError(400, "the body must be JSON: {\"arch\": \"resnet18\"}");
  refuse_files(given, LrSearch::fields());
  const ServedFolder& folder = view.folder_of(request);
  view.search.start(folder.id, folder.path, view.data_of(request), given);
  return BatchJson{{"state", "running"}};
}

RouteResult search_state(BatchView& view, const http::Request& /*request*/) {
  BatchJson json = view.search.json();
  json["problem"] = view.studio.words(json["problem"].get<std::string>());
  for (BatchJson& sentence : json["says"]) sentence = view.studio.words(sentence.get<std::string>());
  return json;
}

RouteResult forms(const http::Request& /*request*/) {
  BatchJson names = BatchJson::array();
  for (const model::Architecture& each : model::architectures()) names.push_back(each.name);
  return BatchJson{{"transforms", SeenImages::form()}, {"lr_find", LrSearch::form()}, {"architectures", names}};
}

}  // namespace

void add_batch_routes(StudioRoutes& routes) {
  const auto view = std::make_shared<BatchView>(routes.studio());
  const auto with_view = [&view](auto function) {
    return [view = view, function](const http::Request& request) { return function(*view, request); };
  };
  routes.get("/api/batch-options", forms);
  routes.get("/api/data/{folder}/draws", with_view(draws_of));
  routes.get("/api/data/{folder}/batch", with_view(batch_of));
  routes.get("/api/data/{folder}/summary", with_view(summary_of));
  routes.get("/api/lr-find", with_view(search_state));
  routes.write("POST", "/api/data/{folder}/lr-find", with_view(begin_search));
  routes.write("DELETE", "/api/lr-find", with_view([](BatchView& of, const http::Request& /*request*/) {
                 of.search.stop();
                 return RouteResult(BatchJson{{"state", "stopping"}});
               }));
}

}  // namespace margay::studio
