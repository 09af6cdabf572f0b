#include <charconv>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/studio/routes/views.h"
#include "apps/studio/runs_view.h"
#include "apps/studio/studio.h"
#include "margay/core/text.h"

namespace margay::studio {
namespace {

std::vector<std::string> values_of(const http::Request& request, std::string_view name) {
  std::vector<std::string> values;
  for (const http::QueryField& field : request.query) {
    if (field.name == name) values.push_back(field.value);
  }
  return values;
}

/// Throws std::invalid_argument naming the field.
double number_in(const http::Request& request, std::string_view name, double otherwise) {
  const std::string* text = request.query_value(name);
  if (text == nullptr) return otherwise;
  double number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error == std::errc() && end == text->data() + text->size() && number == number) return number;
  throw std::invalid_argument(fmt::format("{}: '{}' is no number", name, core::fitted(core::spelled_out(*text), 80)));
}

CurveWindow window_in(const http::Request& request) {
  CurveWindow window{.folders = values_of(request, "of"), .names = values_of(request, "name")};
  const std::string* axis = request.query_value("axis");
  if (axis != nullptr && *axis == "seconds") {
    window.axis = CurveWindow::Axis::kSeconds;
  } else if (axis != nullptr && *axis != "steps") {
    throw std::invalid_argument("axis: steps or seconds");
  }
  window.low = number_in(request, "low", 0);
  window.high = number_in(request, "high", 0);
  const double columns = number_in(request, "columns", static_cast<double>(window.columns));
  if (!(columns >= 1 && columns <= static_cast<double>(CurveWindow::kMostColumns))) {
    throw std::invalid_argument(fmt::format("columns: 1 to {}", CurveWindow::kMostColumns));
  }
  window.columns = static_cast<std::size_t>(columns);
  return window;
}

}  // namespace

void add_runs_routes(StudioRoutes& routes) {
  Studio& studio = routes.studio();
  const auto view = std::make_shared<RunsView>(studio.folders().runs(), studio.changes());
  studio.changes().watch([view] { view->look(); });
  routes.get("/api/runs", [view](const http::Request&) { return RouteResult(view->list()); });
  routes.get("/api/runs/{folder}", [view](const http::Request& request) {
    return RouteResult(view->run(std::string(request.parameter("folder"))));
  });
  routes.get("/api/curves", [view](const http::Request& request) {
    return RouteResult(http::json_text(view->curves(window_in(request))));
  });
  routes.get("/api/compare", [view](const http::Request& request) {
    const std::string* metric = request.query_value("metric");
    return RouteResult(view->compared(values_of(request, "of"), metric == nullptr ? "" : *metric));
  });
}

}  // namespace margay::studio
