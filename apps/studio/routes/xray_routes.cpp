#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "apps/studio/routes/views.h"
#include "apps/studio/studio.h"
#include "margay/http/target.h"
#include "margay/interpret/loss_anatomy.h"

namespace margay::studio {
namespace {

using XrayJson = nlohmann::ordered_json;

/// JSON has no infinite numbers, so they are texts, as in `margay explain --json`.
XrayJson xray_number(double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

XrayJson xray_numbers(const std::vector<double>& values) {
  XrayJson list = XrayJson::array();
  for (const double value : values) list.push_back(xray_number(value));
  return list;
}

double read_logit(const XrayJson& json) {
  if (json.is_string() && json.get<std::string>() == "-inf") return -std::numeric_limits<double>::infinity();
  return json.get<double>();
}

/// {"kind": "softmax" | "sigmoid", "logits": [2.5, "-inf"], "targets": [0] | null, "temperature": 1, "smoothing": 0}
interpret::LossAnatomy anatomy_of(const std::string& body) {
  try {
    const XrayJson json = XrayJson::parse(body);
    std::vector<double> logits;
    for (const XrayJson& each : json.at("logits")) logits.push_back(read_logit(each));
    std::optional<std::vector<std::int64_t>> targets;
    if (json.contains("targets") && !json["targets"].is_null())
      targets = json["targets"].get<std::vector<std::int64_t>>();
    const bool is_softmax = json.at("kind").get<std::string>() == "softmax";
    return interpret::loss_anatomy(
        logits, targets,
        {.activation = is_softmax ? metric::Activation::kSoftmax : metric::Activation::kSigmoid,
         .temperature = json.value("temperature", 1.0),
         .label_smoothing = json.value("smoothing", 0.0)});
  } catch (const nlohmann::json::exception& error) {
    throw http::RequestError(400, error.what());
  }
}

}  // namespace

void add_xray_routes(StudioRoutes& routes) {
  routes.ask("/api/xray", [](const http::Request& request) {
    const interpret::LossAnatomy anatomy = anatomy_of(request.body);
    return RouteResult(XrayJson{{"probability", xray_numbers(anatomy.probability)},
                                {"negative_log", xray_numbers(anatomy.negative_log)},
                                {"negative_log_not", xray_numbers(anatomy.negative_log_not)},
                                {"gradient", xray_numbers(anatomy.gradient)},
                                {"loss", anatomy.loss ? xray_number(*anatomy.loss) : XrayJson()}});
  });
}

}  // namespace margay::studio
