#include "apps/serve/page_routes.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/serve/image_map.h"
#include "apps/serve/image_request.h"
#include "apps/web/served_page.h"
#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::routes {
namespace {

constexpr const char* kBody =
    "<div id=\"serve\"><noscript>This page needs its script. Images can also be sent with curl: POST "
    "/predictions/MODEL.</noscript></div>\n";

/// An image and the class that its map is asked for.
struct MapRequest {
  std::shared_ptr<const serve::ServedModel> model;
  std::string name;
  serve::ImageBytes image;
  std::optional<std::string> label;
};

std::string label_of(const serve::ServedModel& model, const std::string& label) {
  const std::vector<std::string>& labels = model.facts().labels;
  if (std::find(labels.begin(), labels.end(), label) != labels.end()) return label;
  throw http::RequestError(
      400, fmt::format("{} has no class '{}'", model.facts().name, core::fitted(core::spelled_out(label), 80)));
}

MapRequest map_request(const ServiceParts& parts, const http::Request& request) {
  MapRequest wanted{.model = served_model(parts.store, std::string(request.parameter("model")))};
  if (request.body.empty()) throw http::RequestError(400, "the body is empty; send an image");
  const std::string* name = request.query_value("name");
  wanted.name = name == nullptr || name->empty() ? "image" : *name;
  if (const std::string* label = request.query_value("label")) wanted.label = label_of(*wanted.model, *label);
  wanted.image = image_bytes(request.body);
  return wanted;
}

void draw_map(const ServiceParts& parts, const MapRequest& wanted, const http::Reply& reply) {
  try {
    ImageMap map = image_map(*wanted.model, wanted.name, wanted.image, wanted.label, parts.options.max_pixels);
    reply({.content_type = "image/jpeg", .body = {map.jpeg.begin(), map.jpeg.end()}});
  } catch (const core::DataError& error) {
    reply(http::error(422, error.what()));
  } catch (const std::invalid_argument& error) {
    reply(http::error(400, error.what()));
  }
}

void handle_map(const ServiceParts& parts, const http::Request& request, const http::Reply& reply) {
  answer_errors(reply, [&] {
    const MapRequest wanted = map_request(parts, request);
    const auto still_waits = [deadline = request.deadline, left = request.client_left] {
      return http::Clock::now() < deadline && !(left && left->load());
    };
    const bool is_taken = parts.chores.post([parts, wanted, reply, still_waits] {
      if (!still_waits()) return reply(http::unavailable("the map was not drawn in time"));
      answer_errors(reply, [&] { draw_map(parts, wanted, reply); });
    });
    if (!is_taken) reply(http::unavailable("other maps are being drawn"));
  });
}

}  // namespace

void add_page_routes(Api& api, const ServiceParts& parts) {
  const auto page = std::make_shared<const web::ServedPage>(
      web::ServedPageOptions{.title = "Margay", .name = "page", .files = web::serve_files(), .body = kBody});
  for (const http::EmbeddedFile& file : page->files()) {
    const std::string path(file.path);
    api.add({.method = "GET",
             .pattern = path,
             .handler = [page, path](const http::Request& request,
                                     const http::Reply& reply) { reply(page->answer(request, path)); }},
            {.summary = path == "/" ? "A page to drop an image on" : "A part of the page",
             .gives = std::string(file.content_type.substr(0, file.content_type.find(';')))});
  }
  api.add({.method = "POST",
           .pattern = "/maps/{model}",
           .handler = [parts](const http::Request& request,
                              const http::Reply& reply) { handle_map(parts, request, reply); },
           .access = http::RouteAccess::kTokenIfAny},
          {.summary = "The activation map over an image: where it speaks for a class, where against it",
           .query = {{"label", "string", "the class; by default the predicted one"},
                     {"name", "string", "of the image, for messages"}},
           .takes = {"image/*", "application/octet-stream"},
           .gives = "image/jpeg"});
}

}  // namespace margay::routes
