#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/studio/judge_model.h"
#include "apps/studio/loaded_models.h"
#include "apps/studio/request_values.h"
#include "apps/studio/routes/views.h"
#include "apps/studio/studio.h"
#include "apps/studio/thumbnails.h"
#include "apps/studio/training_examples.h"
#include "apps/studio/tried_image.h"
#include "apps/web/single_page.h"
#include "apps/web/thumbnail.h"
#include "margay/core/text.h"
#include "margay/http/target.h"
#include "margay/run/training_features.h"
#include "margay/serve/predictor.h"
#include "margay/serve/served_model.h"

namespace margay::studio {
namespace {

using TryJson = nlohmann::ordered_json;
using http::Request;

constexpr std::size_t kExamples = 6;
constexpr int kExamplePx = 256;

std::string data_url(const std::vector<std::uint8_t>& jpeg) { return "data:image/jpeg;base64," + web::base64(jpeg); }
std::string data_url(const std::string& jpeg) {
  return "data:image/jpeg;base64," + web::base64(core::text_bytes(jpeg));
}

TryJson facts_json(const ListedModel& listed, const serve::ServedModel& model) {
  const serve::ModelFacts& facts = model.facts();
  TryJson json = {{"id", listed.id},
                  {"name", listed.name},
                  {"version", facts.version},
                  {"architecture", facts.architecture},
                  {"device", facts.device},
                  {"labels", facts.labels},
                  {"is_multi_label", facts.is_multi_label},
                  {"size", facts.size},
                  {"temperature", facts.temperature}};
  if (facts.alpha) json["alpha"] = *facts.alpha;
  return json;
}

TryJson prediction_json(const ListedModel& listed, const serve::ServedModel& model, const TriedImage& tried) {
  TryJson json = routes::to_json(tried.prediction, {.name = listed.name, .version = model.facts().version});
  json["logits"] = tried.logits;
  json["map"] = {{"label", tried.map_label}, {"image", data_url(tried.map)}};
  json["seen"] = data_url(tried.seen);
  json["times"] = {{"decoded_ms", tried.times.decoded_ms},
                   {"predicted_ms", tried.times.predicted_ms},
                   {"mapped_ms", tried.times.mapped_ms}};
  return json;
}

const char* state_name(ExamplesStatus::State state) {
  switch (state) {
    case ExamplesStatus::State::kWorking:
      return "working";
    case ExamplesStatus::State::kReady:
      return "ready";
    case ExamplesStatus::State::kFailed:
      return "failed";
    default:
      return "none";
  }
}

TryJson examples_json(const Studio& studio, const std::string& model, const ExamplesStatus& status) {
  TryJson json = {
      {"model", model}, {"state", state_name(status.state)}, {"done", status.done}, {"total", status.total}};
  if (!status.problem.empty()) json["problem"] = studio.words(status.problem);
  if (!status.reason.empty()) json["reason"] = status.reason;
  if (!status.warnings.empty()) json["warnings"] = status.warnings;
  return json;
}

/// The name below the folder of the images, or the file's own.
std::string shown_name(const std::filesystem::path& image, const ServedFolders& folders) {
  for (const ServedFolder& folder : folders.all()) {
    const std::string name = image.lexically_relative(folder.path).string();
    if (!name.empty() && !name.starts_with("..")) return name;
  }
  return image.filename().string();
}

/// What the routes share.
class TryView {
 public:
  explicit TryView(Studio& given)
      : studio(given),
        examples(
            [this](const ListedModel& model, const TrainingExamples::OnProgress& progress) {
              return std::make_shared<const run::TrainingFeatures>(
                  model.file,
                  run::TrainingFeatures::Options{.folder = folder_of_model(studio.folders(), model).path,
                                                 .cache_folder = studio.program().cache_folder,
                                                 .device = studio.options().device.value_or("cpu")},
                  progress);
            },
            [this](const std::string& model, const ExamplesStatus& status) {
              studio.changes().publish("examples", examples_json(studio, model, status));
            }) {}

  TryJson nearest(const ListedModel& model, const torch::Tensor& features) {
    const TrainingExamples::Features training = examples.features(model);
    if (!training || !features.defined()) return nullptr;
    TryJson list = TryJson::array();
    for (const run::TrainingExample& example : training->nearest(features, kExamples)) {
      TryJson json = {{"name", shown_name(example.image, studio.folders())},
                      {"labels", example.labels},
                      {"similarity", example.similarity}};
      try {
        json["image"] = data_url(studio.thumbnails().jpeg({.file = example.image, .side = kExamplePx}));
      } catch (const std::exception& error) {
        json["problem"] = error.what();
      }
      list.push_back(std::move(json));
    }
    return list;
  }

  Studio& studio;
  TrainingExamples examples;
};

TryJson tried_json(TryView& view, const Request& request) {
  if (request.body.empty()) throw http::RequestError(400, "the body is empty; send an image");
  const ListedModel listed = listed_model(view.studio.folders(), text_in(request, "model"));
  const LoadedModels::Model model = view.studio.models().get(listed);
  std::string name = text_in(request, "name");
  if (name.empty()) name = "image";
  TryOptions options;
  if (const std::string* label = request.query_value("label")) options.label = *label;
  const auto bytes = std::make_shared<const std::vector<std::uint8_t>>(request.body.begin(), request.body.end());
  const TriedImage tried = try_image(*model, name, bytes, options);
  TryJson json = prediction_json(listed, *model, tried);
  try {
    if (TryJson near = view.nearest(listed, tried.features); !near.is_null()) json["nearest"] = std::move(near);
  } catch (const std::exception& error) {  // the prediction stands
    json["nearest_problem"] = view.studio.words(core::without_stack_frames(error.what()));
  }
  return json;
}

/// What stands before and after the data of a saved page, so that the page itself can put a copy together.
TryJson empty_page(const std::string& title) {
  const web::SinglePage page{.title = title,
                             .root = "studio",
                             .noscript = "This page is drawn by the script that it contains. Allow scripts to read it.",
                             .files = web::studio_files()};
  return {{"before", web::page_begin(page)}, {"after", web::page_end(page)}};
}

}  // namespace

void add_try_routes(StudioRoutes& routes) {
  const auto view = std::make_shared<TryView>(routes.studio());
  routes.ask("/api/try/model", [view](const Request& request) {
    const ListedModel listed = listed_model(view->studio.folders(), text_in(request, "model"));
    return RouteResult(facts_json(listed, *view->studio.models().get(listed)));
  });
  routes.ask("/api/try", [view](const Request& request) { return RouteResult(tried_json(*view, request)); });
  routes.get("/api/try/examples", [view](const Request& request) {
    const ListedModel listed = listed_model(view->studio.folders(), text_in(request, "model"));
    return RouteResult(examples_json(view->studio, listed.id, view->examples.status(listed)));
  });
  routes.ask("/api/try/examples", [view](const Request& request) {
    const ListedModel listed = listed_model(view->studio.folders(), text_in(request, "model"));
    if (request.query_value("stop") != nullptr) {
      view->examples.stop(listed.id);
    } else {
      view->examples.begin(listed);
    }
    return RouteResult(examples_json(view->studio, listed.id, view->examples.status(listed)));
  });
  routes.get("/api/empty-page", [](const Request& request) {
    const std::string title = text_in(request, "title");
    return RouteResult(empty_page(title.empty() ? "Margay studio" : title));
  });
}

}  // namespace margay::studio
