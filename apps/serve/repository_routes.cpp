#include "apps/serve/repository_routes.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/field_type.h"
#include "margay/core/text.h"

namespace margay::routes {
namespace {

using http::RouteAccess;
using nlohmann::ordered_json;

ordered_json index_of(const serve::ModelStore& store) {
  ordered_json models = ordered_json::array();
  for (const serve::ModelStatus& status : store.index()) {
    models.push_back({{"name", status.name},
                      {"version", status.version},
                      {"state", core::to_text(status.state)},
                      {"reason", status.reason}});
  }
  return models;
}

/// A model by its name; the exception's text names the file, which whoever has a token may know.
void check_served(const ServiceParts& parts, const std::string& name) {
  if (parts.store.has(name)) return;
  throw http::RequestError(404, fmt::format("no model '{}' is served; files are named when the server starts",
                                            core::fitted(core::spelled_out(name), 80)));
}

void load_model(const ServiceParts& parts, const std::string& name, const http::Reply& reply) {
  try {
    parts.store.load(name);
    reply(http::json(ordered_json::object()));
  } catch (const std::exception& error) {
    reply(http::error(400, not_loaded(parts.store, name, core::without_stack_frames(error.what()))));
  }
}

/// Both take their time, so they do not run on the server's own threads.
http::Handler changes_model(const ServiceParts& parts,
                            void (*change)(const ServiceParts&, const std::string&, const http::Reply&)) {
  return [parts, change](const http::Request& request, const http::Reply& reply) {
    answer_errors(reply, [&] {
      const std::string name(request.parameter("model"));
      check_served(parts, name);
      const bool is_taken = parts.loader.post(
          [parts, name, reply, change] { answer_errors(reply, [&] { change(parts, name, reply); }); });
      if (!is_taken) reply(http::unavailable("other models are being loaded"));
    });
  };
}

void unload_model(const ServiceParts& parts, const std::string& name, const http::Reply& reply) {
  parts.store.unload(name);
  reply(http::json(ordered_json::object()));
}

}  // namespace

std::string not_loaded(const serve::ModelStore& store, const std::string& name, const std::string& problem) {
  const bool is_served = store.model(name) != nullptr;
  return fmt::format("{} {}: {}", name, is_served ? "is served as before" : "is not served", problem);
}

void add_repository_routes(Api& api, const ServiceParts& parts) {
  api.add(
      {.method = "POST",
       .pattern = "/v2/repository/index",
       .handler = [parts](const http::Request&, const http::Reply& reply) { reply(http::json(index_of(parts.store))); },
       .access = RouteAccess::kTokenIfAny},
      {.summary = "The models that were named at the start, and their state", .schema = "RepositoryIndex"});
  api.add({.method = "POST",
           .pattern = "/v2/repository/models/{model}/load",
           .handler = changes_model(parts, load_model),
           .access = RouteAccess::kToken},
          {.summary = "Reads a model's file again; a file that fails its checks changes nothing"});
  api.add({.method = "POST",
           .pattern = "/v2/repository/models/{model}/unload",
           .handler = changes_model(parts, unload_model),
           .access = RouteAccess::kToken},
          {.summary = "Stops serving a model until it is loaded again"});
}

}  // namespace margay::routes
