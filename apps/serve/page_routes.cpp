#include "apps/serve/page_routes.h"

#include <array>
#include <memory>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

#include "apps/serve/image_map.h"
#include "apps/serve/image_request.h"
#include "apps/web/page_files.h"
#include "margay/core/error.h"
#include "margay/http/static_files.h"

namespace margay::routes {
namespace {

/// Only what the page is made of may run or be loaded; its own images are blobs.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

constexpr std::string_view kPage = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Margay</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body>
<div id="serve"><noscript>This page needs its script. Images can also be sent with curl: POST /predictions/MODEL.</noscript></div>
</body>
</html>
)";

http::Handler gives_page_file(std::shared_ptr<const http::StaticFiles> files, std::string path) {
  return [files = std::move(files), path = std::move(path)](const http::Request& request, const http::Reply& reply) {
    http::Response response = files->answer(request, path);
    response.headers.set("Content-Security-Policy", kPolicy);
    response.headers.set("X-Content-Type-Options", "nosniff");
    response.headers.set("Referrer-Policy", "no-referrer");
    reply(std::move(response));
  };
}

/// An image and the class that its map is asked for.
struct MapRequest {
  std::shared_ptr<const serve::ServedModel> model;
  std::string name;
  serve::ImageBytes image;
  std::optional<std::string> label;
};

MapRequest map_request(const ServiceParts& parts, const http::Request& request) {
  MapRequest wanted{.model = served_model(parts.store, std::string(request.parameter("model")))};
  if (request.body.empty()) throw http::RequestError(400, "the body is empty; send an image");
  const std::string* name = request.query_value("name");
  wanted.name = name == nullptr || name->empty() ? "image" : *name;
  if (const std::string* label = request.query_value("label")) wanted.label = *label;
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
  const web::PageFiles page = web::serve_files();
  const std::array<http::EmbeddedFile, 3> files = {{{"/", "text/html; charset=utf-8", kPage},
                                                    {"/page.js", "text/javascript; charset=utf-8", page.script},
                                                    {"/page.css", "text/css; charset=utf-8", page.style}}};
  const auto embedded = std::make_shared<const http::StaticFiles>(files);
  for (const http::EmbeddedFile& file : files) {
    const std::string path(file.path);
    api.add({.method = "GET", .pattern = path, .handler = gives_page_file(embedded, path)},
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
