#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "apps/studio/evaluations.h"
#include "apps/studio/judge_model.h"
#include "apps/studio/request_values.h"
#include "apps/studio/routes/views.h"
#include "apps/studio/studio.h"
#include "apps/web/report_page.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/data/image/write_image.h"
#include "margay/http/target.h"
#include "margay/interpret/mapped_image.h"
#include "margay/run/evaluation_report.h"
#include "margay/serve/predictor.h"
#include "margay/serve/served_model.h"

namespace margay::studio {
namespace {

using Json = nlohmann::ordered_json;
using http::Request;

constexpr int kThumbnailPx = 512;     // one of Thumbnails::kSides
constexpr std::int64_t kListed = 24;  // images of each list

Json listed_json(const ListedModel& model, const LoadedModels& models) {
  return {{"id", model.id},
          {"name", model.name},
          {"run", model.run.filename().string()},
          {"modified", model.modified},
          {"is_loaded", models.is_loaded(model)}};
}

Json evaluation_json(const EvaluationStatus& status, const Studio& studio) {
  Json json = {
      {"id", status.id}, {"state", core::to_text(status.state)}, {"done", status.done}, {"total", status.total}};
  if (!status.problem.empty()) json["problem"] = studio.words(status.problem);
  return json;
}

EvaluationQuestion question_of(const Request& request) {
  const Json body = core::parsed_json(request.body);
  if (!body.is_object() || !body.contains("model") || !body["model"].is_string()) {
    throw http::RequestError(
        400, R"(send {"model": ID} and what there is of "folder", "part", "leaves_unknown_out" and "unlabelled")");
  }
  EvaluationQuestion question;
  try {
    question.model = body.at("model").get<std::string>();
    question.folder = body.value("folder", "");
    question.leaves_unknown_out = body.value("leaves_unknown_out", false);
    question.unlabelled = body.value("unlabelled", false);
    const std::string part = body.value("part", "");
    if (!part.empty()) question.part = core::from_text<run::JudgedPart>(part);
  } catch (const nlohmann::json::exception& error) {
    throw http::RequestError(400, error.what());
  }
  return question;
}

/// A judged model as its page asks for it.
struct JudgedPage {
  std::shared_ptr<const JudgedModelOfPage> judged;
  web::ReportPage page;

  explicit JudgedPage(std::shared_ptr<const JudgedModelOfPage> given)
      : judged(std::move(given)), page(web::report_page(judged->evaluation->interpretation(), judged->title)) {
    page.document = judged->evaluation->json({.top_losses = kListed});
    if (Json unknown = page.document["origin"].value("unknown", Json()); !unknown.is_null()) {
      page.document["unknown"] = std::move(unknown);
    }
  }

  const interpret::Interpretation& interpretation() const { return judged->evaluation->interpretation(); }
  std::int64_t images() const { return interpretation().predictions().size(); }

  void check_row(std::int64_t row) const {
    if (row >= 0 && row < images()) return;
    throw http::RequestError(404, fmt::format("there is no image {}; {} were judged", row, images()));
  }
  Json facts(std::int64_t row) const {
    Json json = web::image_facts(page.image(row), interpretation().has_labels());
    json["has_thumbnail"] = true;  // whether it can be read is seen when it is asked for
    return json;
  }
  std::filesystem::path file(std::int64_t row) const {
    check_row(row);
    return page.image(row).file;
  }
};

Json listed_facts(const JudgedPage& page) {
  Json facts = Json::object();
  for (const auto& [name, list] : page.page.document.at("top_losses").items()) {
    for (const Json& image : list) {
      const auto row = image.at("row").get<std::int64_t>();
      facts[std::to_string(row)] = page.facts(row);
    }
  }
  return facts;
}

/// What the script of the report takes, with images by address in place of bytes.
Json document_json(const JudgedPage& page) {
  return {{"title", page.judged->title},
          {"reason", page.judged->reason},
          {"warnings", page.judged->warnings},
          {"document", page.page.document},
          {"images", listed_facts(page)},
          {"cells", Json::array()},
          {"images_per_cell", 0},
          {"max_bytes", 0},
          {"left_out", 0},
          {"unreadable", 0},
          {"unreadable_names", Json::array()}};
}

/// The images of a cell, those with the highest losses first: at most a hundred.
Json cell_json(const JudgedPage& page, std::int64_t row, std::int64_t column) {
  Json json = {{"row", row}, {"column", column}, {"images", Json::array()}, {"facts", Json::object()}};
  for (const web::PageCell& cell : page.page.cells) {
    if (cell.row != row || cell.column != column) continue;
    json["images"] = cell.images;
    for (const std::int64_t image : cell.images) json["facts"][std::to_string(image)] = page.facts(image);
  }
  return json;
}

http::Response jpeg_response(std::string bytes) {
  return {
      .content_type = "image/jpeg", .body = std::move(bytes), .headers = {{"Cache-Control", "private, max-age=3600"}}};
}

/// The activation map of a judged image, drawn over it.
http::Response map_response(const JudgedPage& page, std::int64_t row, const std::string& label) {
  const serve::Predictor& predictor = page.judged->model->predictor();
  interpret::MappedImageOptions options{.activation = predict::activation_of(predictor.task()),
                                        .calibration = predictor.calibration(),
                                        .precision = predictor.precision()};
  if (!label.empty()) options.classes = {predictor.vocabulary().index(label)};
  data::LoaderOptions loading{.batch_size = 1};
  loading.worker_priority = data::WorkerPriority::kNormal;
  loading.num_workers = 1;
  const data::Loader loader(std::make_shared<data::Dataset>(data::Dataset::unlabelled(data::PathList{page.file(row)})),
                            predictor.pipeline(), data::Phase::kValid, loading);
  std::optional<interpret::MappedImage> mapped;
  const auto skipped =
      interpret::for_each_mapped_image(*predictor.bundle().classifier, loader, options,
                                       [&](interpret::MappedImage&& image) { mapped = std::move(image); });
  if (!mapped) throw http::RequestError(422, skipped.empty() ? "the image cannot be read" : skipped.front().problem);
  const interpret::ClassMap& map = label.empty() ? mapped->maps.front() : mapped->maps.back();
  const auto bytes = data::encode_jpeg(interpret::overlay_map(mapped->image, map, {.min_side_px = 224}), 85);
  return jpeg_response({bytes.begin(), bytes.end()});
}

/// The logits of a judged image, and what its label is.
Json xray_subject(const JudgedPage& page, std::int64_t row) {
  page.check_row(row);
  const predict::KeptPredictions& kept = page.interpretation().predictions();
  const torch::Tensor logits = kept.rows.logits[row].to(torch::kDouble).contiguous();
  const web::PageImage image = page.page.image(row);
  Json json = {{"name", image.name},
               {"kind", kept.task == data::Task::kSingleLabel ? "softmax" : "sigmoid"},
               {"classes", kept.vocabulary.names()},
               {"logits", std::vector<double>(logits.data_ptr<double>(), logits.data_ptr<double>() + logits.numel())},
               {"temperature", kept.rows.temperature}};
  if (kept.has_labels()) json["targets"] = image.labels;
  return json;
}

/// What the routes share.
class MistakesView {
 public:
  explicit MistakesView(Studio& owner)
      : studio(owner),
        evaluations(
            [this](const EvaluationQuestion& question, const Evaluations::OnProgress& progress) {
              return judge_model(this->studio.models(), this->studio.folders(), question, progress);
            },
            [this](const EvaluationStatus& status) {
              this->studio.changes().publish("mistakes", evaluation_json(status, this->studio));
            }) {}

  /// The page of an evaluation; made once.
  std::shared_ptr<const JudgedPage> page(const Request& request) {
    const std::string id(request.parameter("id"));
    auto judged = evaluations.result(id);
    const std::lock_guard lock(mutex_);
    std::shared_ptr<const JudgedPage>& page = pages_[id];
    if (!page || page->judged != judged) page = std::make_shared<const JudgedPage>(std::move(judged));
    if (pages_.size() > kPages) {
      std::erase_if(pages_, [&](const auto& each) { return each.first != id; });
    }
    return pages_.at(id);
  }

  Studio& studio;
  Evaluations evaluations;

 private:
  static constexpr std::size_t kPages = 4;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const JudgedPage>> pages_;
};

Json models_json(const Studio& studio, const LoadedModels& models) {
  Json list = Json::array();
  for (const ListedModel& model : listed_models(studio.folders())) list.push_back(listed_json(model, models));
  return {{"models", list}};
}

void add_evaluation_routes(StudioRoutes& routes, const std::shared_ptr<MistakesView>& view) {
  routes.ask("/api/mistakes", [view](const Request& request) {
    EvaluationQuestion question = question_of(request);
    question.stamp = listed_model(view->studio.folders(), question.model).stamp;  // an unknown one is told at once
    return RouteResult(evaluation_json(
        view->evaluations.ask(question, text_in(request, "watcher"), request.query_value("again") != nullptr),
        view->studio));
  });
  routes.get("/api/mistakes/{id}", [view](const Request& request) {
    const std::string id(request.parameter("id"));
    return RouteResult(evaluation_json(view->evaluations.status(id, text_in(request, "watcher")), view->studio));
  });
  routes.ask("/api/mistakes/{id}/leave", [view](const Request& request) {
    view->evaluations.leave(std::string(request.parameter("id")), text_in(request, "watcher"));
    return RouteResult(Json::object());
  });
}

void add_result_routes(StudioRoutes& routes, const std::shared_ptr<MistakesView>& view) {
  routes.get("/api/mistakes/{id}/document",
             [view](const Request& request) { return RouteResult(document_json(*view->page(request))); });
  routes.get("/api/mistakes/{id}/cell", [view](const Request& request) {
    return RouteResult(cell_json(*view->page(request), whole_number(text_in(request, "row"), "row"),
                                 whole_number(text_in(request, "column"), "column")));
  });
  routes.get("/api/mistakes/{id}/image/{row}", [view](const Request& request) {
    const auto page = view->page(request);
    const int deep_bits = page->judged->model->predictor().bundle().transforms.deep_bits;
    return RouteResult(jpeg_response(
        view->studio.thumbnails().jpeg({.file = page->file(whole_number(request.parameter("row"), "the image")),
                                        .side = kThumbnailPx,
                                        .deep_bits = deep_bits})));
  });
  routes.get("/api/mistakes/{id}/map/{row}", [view](const Request& request) {
    return RouteResult(map_response(*view->page(request), whole_number(request.parameter("row"), "the image"),
                                    text_in(request, "label")));
  });
  routes.get("/api/mistakes/{id}/xray/{row}", [view](const Request& request) {
    return RouteResult(xray_subject(*view->page(request), whole_number(request.parameter("row"), "the image")));
  });
}

}  // namespace

void add_mistakes_routes(StudioRoutes& routes) {
  const auto view = std::make_shared<MistakesView>(routes.studio());
  routes.get("/api/models", [view](const Request& /*request*/) {
    return RouteResult(models_json(view->studio, view->studio.models()));
  });
  add_evaluation_routes(routes, view);
  add_result_routes(routes, view);
}

}  // namespace margay::studio
