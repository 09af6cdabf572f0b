#include "apps/serve/prediction_routes.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/serve/image_request.h"

namespace margay::routes {
namespace {

using nlohmann::ordered_json;

/// Bodies that are read on a thread of their own: JSON and forms longer than this.
constexpr std::size_t kLongBody = 65'536;

bool is_long(const http::Request& request) {
  if (request.body.size() <= kLongBody) return false;
  const std::string type = request.media_type();
  return type == "application/json" || type == "multipart/form-data";
}

bool is_predicted(const serve::PredictedImage& image) { return image.outcome == serve::Outcome::kPredicted; }

/// What the images of a request become.
class PredictionWriter {
 public:
  PredictionWriter(const serve::ServedModel& model, const ImageQuestion& question, ServerMetrics& metrics)
      : facts_(model.facts()), choice_(choice_for(question, facts_)), metrics_(metrics) {}

  ordered_json json_of(const serve::PredictedImage& image) const {
    const ModelIdentity identity = {facts_.name, facts_.version};
    if (!is_predicted(image)) {
      return {{"path", image.name},
              {"error", image.problem},
              {"model", identity.name},
              {"model_version", identity.version},
              {"schema", kPredictionSchema}};
    }
    const ImagePrediction prediction =
        image_prediction(image.name, {image.logits, image.probabilities, image.p_known}, facts_.labels,
                         facts_.is_multi_label ? data::Task::kMultiLabel : data::Task::kSingleLabel, choice_);
    metrics_.count_image(facts_.name, image, prediction.is_none());
    return to_json(prediction, identity);
  }

 private:
  const serve::ModelFacts& facts_;
  PredictionChoice choice_;
  ServerMetrics& metrics_;
};

http::Response response_of(const serve::PredictionReply& done, bool is_list, const ImageQuestion& question,
                           ServerMetrics& metrics) {
  const auto& images = done.images;
  if (std::none_of(images.begin(), images.end(), is_predicted)) return response_to(images.front());
  const auto is_lost = [](const serve::PredictedImage& image) {
    return !is_predicted(image) && image.outcome != serve::Outcome::kUnreadable;
  };
  const auto lost = std::find_if(images.begin(), images.end(), is_lost);
  if (lost != images.end()) return response_to(*lost);  // come again: all of them may then be predicted
  const PredictionWriter writer(*done.model, question, metrics);
  if (!is_list) return http::json(writer.json_of(images.front()));
  ordered_json list = ordered_json::array();
  for (const serve::PredictedImage& image : images) list.push_back(writer.json_of(image));
  return http::json(list);
}

void predict_images(const ServiceParts& parts, const http::Request& request, const http::Reply& reply) {
  const std::string name(request.parameter("model"));
  const auto model = served_model(parts.store, name);
  ImageRequest images = read_image_request(request);
  choice_for(images.question, model->facts());  // refuses what the model cannot do
  if (std::ssize(images.images) > parts.options.max_images) {
    throw http::RequestError(413, fmt::format("{} images in one request; at most {} are taken", images.images.size(),
                                              parts.options.max_images));
  }
  serve::PredictionRequest wanted{.images = std::move(images.images),
                                  .deadline = deadline_of(request, images.question.timeout_ms)};
  const ClientWatch::Watched client = parts.clients.watch(request.client_left);
  wanted.cancelled = client->get_token();
  wanted.done = [reply, client, is_list = images.is_list, question = images.question,
                 &metrics = parts.metrics](serve::PredictionReply&& done) {
    answer_errors(reply, [&] { reply(response_of(done, is_list, question, metrics)); });
  };
  if (const auto refused = parts.store.queue(name).submit(std::move(wanted))) reply(response_to(*refused));
}

void handle_images(const ServiceParts& parts, http::Request request, const http::Reply& reply) {
  const auto kept = std::make_shared<const http::Request>(std::move(request));
  const auto predict = [parts, kept, reply] { answer_errors(reply, [&] { predict_images(parts, *kept, reply); }); };
  if (!is_long(*kept)) return predict();
  if (!parts.reader.post(predict)) reply(http::unavailable("too many long requests wait to be read"));
}

}  // namespace

void add_prediction_routes(Api& api, const ServiceParts& parts) {
  api.add({.method = "POST",
           .pattern = "/predictions/{model}",
           .handler = [parts](http::Request request,
                              const http::Reply& reply) { handle_images(parts, std::move(request), reply); },
           .access = http::RouteAccess::kTokenIfAny},
          {.summary = "What is in an image, or in several",
           .query = {{"top", "integer", "classes to list for each image, 1 to 1000; 3 by default"},
                     {"threshold", "number",
                      "models of several labels: the probability above which a class is predicted; 0.5 by default"},
                     {"alpha", "number",
                      "models that tell unknown images: the share of images of the classes that may be refused"},
                     {"timeout_ms", "number", "after it nobody waits for the prediction any more"},
                     {"name", "string", "of the image, where it is the body"}},
           .takes = {"image/*", "application/octet-stream", "application/json", "multipart/form-data"},
           .schema = "Predictions",
           .request_schema = "Images"});
}

}  // namespace margay::routes
