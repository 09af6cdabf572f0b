#include "apps/serve/service.h"

#include <array>
#include <cmath>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/serve/page_routes.h"
#include "apps/serve/prediction_routes.h"
#include "apps/serve/repository_routes.h"
#include "apps/serve/v2_routes.h"
#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::routes {
namespace {

using http::RouteAccess;
using nlohmann::ordered_json;

constexpr std::size_t kWaitingBodies = 64;
constexpr std::size_t kWaitingMaps = 8;
constexpr std::size_t kWaitingLoads = 8;

std::vector<std::string> names_of(const serve::ModelStore& store) {
  std::vector<std::string> names;
  for (const serve::ModelFile& model : store.models()) names.push_back(model.name);
  return names;
}

/// Those whose bodies are images for a queue.
bool is_for_queue(const http::Request& head) {
  return head.method == "POST" && (head.path.starts_with("/predictions/") || head.path.ends_with("/infer"));
}

std::string not_served(const std::string& name) {
  return fmt::format("no model '{}' is served", core::fitted(core::spelled_out(name), 80));
}

}  // namespace

Service::Service(std::unique_ptr<serve::ModelStore> store, http::Tokens tokens, ServiceOptions options)
    : options_(std::move(options)),
      metrics_(names_of(*store)),
      store_(std::move(store)),
      reader_(kWaitingBodies),
      chores_(kWaitingMaps),
      loader_(kWaitingLoads),
      parts_{*store_, metrics_, reader_, chores_, loader_, clients_, options_},
      api_(std::move(tokens)) {
  add_prediction_routes(api_, parts_);
  add_health_routes();
  add_v2_routes(api_, parts_);
  add_repository_routes(api_, parts_);
  add_page_routes(api_, parts_);
  add_about_routes();
}

void Service::add_health_routes() {
  api_.add({.method = "GET",
            .pattern = "/ping",
            .handler =
                [](const http::Request&, const http::Reply& reply) {
                  reply(http::json({{"status", "Healthy"}}));
                }},
           {.summary = "Whether the server answers at all", .schema = "Status"});
  api_.add({.method = "GET",
            .pattern = "/v2/health/live",
            .handler =
                [](const http::Request&, const http::Reply& reply) {
                  reply(http::json({{"live", true}}));
                }},
           {.summary = "Whether the server answers at all", .schema = "Live"});
  api_.add({.method = "GET",
            .pattern = "/v2/health/ready",
            .handler =
                [this](const http::Request&, const http::Reply& reply) {
                  constexpr int kNotReady = 400;  // the protocol wants 4xx
                  const bool is_ready = !is_draining_ && store_->is_ready();
                  reply(http::json({{"ready", is_ready}}, is_ready ? 200 : kNotReady));
                }},
           {.summary = "Whether all models are loaded and requests are taken", .schema = "Ready"});
}

void Service::add_about_routes() {
  api_.add({.method = "GET",
            .pattern = "/metrics",
            .handler =
                [this](const http::Request&, const http::Reply& reply) {
                  http::Response response = http::text(metrics_text());
                  response.content_type = kMetricsType;
                  reply(std::move(response));
                },
            .access = RouteAccess::kTokenIfAny},
           {.summary = "Numbers for Prometheus", .gives = "text/plain"});
  api_.add({.method = "GET",
            .pattern = "/openapi.json",
            .handler = [this](const http::Request&,
                              const http::Reply& reply) { reply(http::json_text(api_.openapi(options_.version))); }},
           {.summary = "This description"});
}

std::optional<http::Response> Service::admit(const http::Request& head) const {
  if (auto refused = api_.router().refusal(head)) return refused;
  if (!is_for_queue(head)) return std::nullopt;
  const std::string model = model_of_path(head.path);
  if (!store_->has(model)) return http::error(404, not_served(model));
  serve::PredictionQueue& queue = store_->queue(model);
  const serve::QueueState state = queue.state();
  if (state.images < queue.options().max_queue) return std::nullopt;
  const double wait_s = static_cast<double>(state.images) * state.image_ms / 1000;
  return http::unavailable(fmt::format("{} images wait for {} already", state.images, model),
                           std::max(1, static_cast<int>(std::ceil(std::min(wait_s, 60.0)))));
}

void Service::count(const http::AccessEntry& entry) {
  std::string model;
  try {
    model = model_of_path(http::parse_target(entry.target).path);
  } catch (const http::RequestError&) {  // counted without a model
  }
  metrics_.count_request(model, entry.status, entry.seconds);
}

std::string Service::metrics_text() {
  {
    const std::scoped_lock lock(described_mutex_);
    for (const serve::ModelFile& file : store_->models()) {
      metrics_.set_queue(file.name, store_->queue(file.name).state());
      const auto model = store_->model(file.name);
      const std::string version = model == nullptr ? "" : model->facts().version;
      if (std::exchange(described_[file.name], version) == version) continue;
      if (model == nullptr) {
        metrics_.forget(file.name);
      } else {
        metrics_.describe(model->facts());
      }
    }
  }
  if (server_counts_) metrics_.set_server(server_counts_());
  return metrics_.text();
}

std::string model_of_path(std::string_view path) {
  for (const std::string_view prefix : {"/predictions/", "/v2/models/", "/v2/repository/models/", "/maps/"}) {
    if (!path.starts_with(prefix)) continue;
    path.remove_prefix(prefix.size());
    return std::string(path.substr(0, path.find('/')));
  }
  return "";
}

void answer_errors(const http::Reply& reply, const std::function<void()>& answer) {
  try {
    answer();
  } catch (const http::RequestError& error) {
    if (!reply.is_answered()) reply(http::error(error.status(), error.what()));
  } catch (const std::exception& error) {
    if (!reply.is_answered()) reply(http::error(500, core::without_stack_frames(error.what())));
  }
}

http::Response response_to(const serve::Refusal& refusal) {
  switch (refusal.reason) {
    case serve::Refusal::Reason::kTooLarge:
      return http::error(413, refusal.text);
    case serve::Refusal::Reason::kFull:
    case serve::Refusal::Reason::kStopping:
    case serve::Refusal::Reason::kNotLoaded:
      break;
  }
  return http::unavailable(refusal.text, std::max(1, static_cast<int>(std::ceil(refusal.retry_after_s))));
}

http::Response response_to(const serve::PredictedImage& image) {
  switch (image.outcome) {
    case serve::Outcome::kUnreadable:
      return http::error(422, image.problem);
    case serve::Outcome::kExpired:
    case serve::Outcome::kCancelled:
    case serve::Outcome::kStopped:
      return http::unavailable(image.problem);
    case serve::Outcome::kFailed:
    case serve::Outcome::kPredicted:
      break;
  }
  return http::error(500, image.problem);
}

std::shared_ptr<const serve::ServedModel> served_model(const serve::ModelStore& store, const std::string& name) {
  if (!store.has(name)) throw http::RequestError(404, not_served(name));
  std::shared_ptr<const serve::ServedModel> model = store.model(name);
  if (model == nullptr) throw http::RequestError(503, fmt::format("the model {} is not loaded", name));
  return model;
}

}  // namespace margay::routes
