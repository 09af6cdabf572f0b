#include "apps/studio/studio_routes.h"

#include <memory>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "apps/studio/studio.h"
#include "margay/core/error.h"

namespace margay::studio {
namespace {

constexpr int kUnprocessable = 422;

/// Nothing of a data folder may run as a page of this origin, whatever its bytes are, and nobody else may embed it.
void add_safety(http::Response& response) {
  const auto add = [&](const char* name, const char* value) {
    if (!response.headers.contains(name)) response.headers.set(name, value);
  };
  add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
  add("X-Content-Type-Options", "nosniff");
  add("Cross-Origin-Resource-Policy", "same-origin");
  add("Referrer-Policy", "no-referrer");
  add("Cache-Control", "no-store");
}

http::Response result_of(const StudioRoutes::Function& function, const http::Request& request, const Studio& studio) {
  try {
    return function(request).response;
  } catch (const http::RequestError& error) {
    return http::error(error.status(), error.what());
  } catch (const std::invalid_argument& error) {
    return http::error(400, studio.words(error.what()));
  } catch (const core::DataError& error) {
    return http::error(kUnprocessable, studio.words(error.what()));
  } catch (const std::exception& error) {
    return http::error(500, studio.words(core::without_stack_frames(error.what())));
  }
}

}  // namespace

RouteResult::RouteResult(const nlohmann::ordered_json& json)
    : response(http::json_text(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace))) {}

StudioRoutes::StudioRoutes(Studio& studio, Workers& workers) : studio_(studio), workers_(workers) {}

void StudioRoutes::get(const std::string& pattern, Function function) { add("GET", pattern, std::move(function)); }

void StudioRoutes::write(const std::string& method, const std::string& pattern, Function function) {
  if (!is_write({.method = method})) throw std::invalid_argument("[StudioRoutes] " + method + " changes nothing");
  add(method, pattern, std::move(function));
}

void StudioRoutes::ask(const std::string& pattern, Function function) {
  questions_.add({.method = "POST", .pattern = pattern, .handler = [](const http::Request&, const http::Reply&) {}});
  add("POST", pattern, std::move(function));
}

Effect StudioRoutes::effect_of(const http::Request& head) const {
  return is_write(head) && questions_.refusal(head) ? Effect::kChanges : Effect::kAsks;
}

void StudioRoutes::at_once(const std::string& pattern, http::Handler handler) {
  router_.add({.method = "GET", .pattern = pattern, .handler = std::move(handler)});
}

void StudioRoutes::add(const std::string& method, const std::string& pattern, Function function) {
  const auto shared = std::make_shared<const Function>(std::move(function));
  const auto handler = [&workers = workers_, &studio = studio_, shared](http::Request request,
                                                                        const http::Reply& reply) {
    const auto whole = std::make_shared<const http::Request>(std::move(request));
    const bool is_taken = workers.post([&studio, shared, whole, reply] {
      if (whole->cancelled()) return reply(http::error(499, "the page has left"));  // nobody reads it
      http::Response response = result_of(*shared, *whole, studio);
      add_safety(response);
      reply(std::move(response));
    });
    if (!is_taken) reply(http::unavailable("the studio has too much to do"));
  };
  router_.add({.method = method, .pattern = pattern, .handler = handler});
}

}  // namespace margay::studio
