#include "apps/serve/v2_routes.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/serve/image_prediction.h"
#include "apps/serve/image_request.h"
#include "apps/serve/inference_protocol.h"
#include "margay/core/text.h"

namespace margay::routes {
namespace {

using http::RouteAccess;
using nlohmann::ordered_json;

constexpr const char* kImageInput = "image";
constexpr const char* kPixelInput = "pixels";
constexpr std::size_t kLongInference = 65'536;

ordered_json tensor_doc(const char* name, const char* datatype, std::vector<std::int64_t> shape) {
  return {{"name", name}, {"datatype", datatype}, {"shape", std::move(shape)}};
}

ordered_json output_docs(const serve::ModelFacts& facts) {
  const auto classes = static_cast<std::int64_t>(facts.labels.size());
  ordered_json outputs = ordered_json::array(
      {tensor_doc("probabilities", "FP32", {-1, classes}), tensor_doc("logits", "FP32", {-1, classes})});
  outputs.push_back(facts.is_multi_label ? tensor_doc("labels", "BOOL", {-1, classes})
                                         : tensor_doc("label", "BYTES", {-1}));
  if (facts.alpha) {
    outputs.push_back(tensor_doc("none_of_these", "BOOL", {-1}));
    outputs.push_back(tensor_doc("p_known", "FP64", {-1}));
  }
  return outputs;
}

ordered_json model_doc(const serve::ModelFacts& facts) {
  const auto size = static_cast<std::int64_t>(facts.size);
  return {{"name", facts.name},
          {"versions", ordered_json::array({facts.version})},
          {"platform", "margay_" + facts.architecture},
          {"inputs", ordered_json::array({tensor_doc(kImageInput, "BYTES", {-1}),
                                          tensor_doc(kPixelInput, "FP32", {-1, 3, size, size})})},
          {"outputs", output_docs(facts)},
          {"parameters",
           {{"labels", facts.labels},
            {"is_multi_label", facts.is_multi_label},
            {"precision", facts.precision},
            {"device", facts.device},
            {"temperature", facts.temperature}}}};
}

/// The model that a path names. Throws http::RequestError for a version that does not answer.
std::shared_ptr<const serve::ServedModel> model_of(const ServiceParts& parts, const http::Request& request) {
  auto model = served_model(parts.store, std::string(request.parameter("model")));
  const std::string_view version = request.parameter("version");
  if (version.empty() || version == model->facts().version) return model;
  throw http::RequestError(404, fmt::format("{} has version {}, not '{}'", model->facts().name, model->facts().version,
                                            core::fitted(core::spelled_out(version), 80)));
}

/// BYTES of one dimension, or of more that are 1.
bool is_column(const std::vector<std::int64_t>& shape) {
  return !shape.empty() && std::all_of(shape.begin() + 1, shape.end(), [](std::int64_t size) { return size == 1; });
}

std::vector<serve::ImageInput> images_of(InputTensor& tensor) {
  if (!is_column(tensor.shape)) throw http::RequestError(400, "the input image must have the shape [N]");
  std::vector<serve::ImageInput> images;
  for (const std::string& bytes : tensor.bytes) {
    const std::string name = fmt::format("{}[{}]", kImageInput, images.size());
    if (bytes.empty()) throw http::RequestError(422, name + " is empty");
    images.push_back({.name = name, .content = image_bytes(bytes)});
  }
  return images;
}

std::vector<serve::ImageInput> pixels_of(const InputTensor& tensor, int size) {
  const bool fits =
      tensor.shape.size() == 4 && tensor.shape[1] == 3 && tensor.shape[2] == size && tensor.shape[3] == size;
  if (!fits) {
    throw http::RequestError(400, fmt::format("the input pixels must have the shape [N, 3, {}, {}], got [{}]", size,
                                              size, core::joined(tensor.shape, ", ")));
  }
  const auto floats = static_cast<std::ptrdiff_t>(3) * size * size;
  std::vector<serve::ImageInput> images;
  for (std::int64_t i = 0; i < tensor.shape.front(); ++i) {
    const auto begin = tensor.numbers.begin() + i * floats;
    images.push_back(
        {.name = fmt::format("{}[{}]", kPixelInput, i), .content = serve::ImageTensor(begin, begin + floats)});
  }
  return images;
}

std::vector<serve::ImageInput> inputs_of(InferenceRequest& request, const serve::ModelFacts& facts) {
  if (request.inputs.size() != 1) {
    throw http::RequestError(
        400, fmt::format("a model takes one input, {} or {}; got {}", kImageInput, kPixelInput, request.inputs.size()));
  }
  InputTensor& tensor = request.inputs.front();
  const bool is_image = tensor.datatype == "BYTES";
  if (tensor.name != (is_image ? kImageInput : kPixelInput)) {
    throw http::RequestError(
        400, fmt::format("the input of {} is called {}, not '{}'", tensor.datatype,
                         is_image ? kImageInput : kPixelInput, core::fitted(core::spelled_out(tensor.name), 80)));
  }
  std::vector<serve::ImageInput> images = is_image ? images_of(tensor) : pixels_of(tensor, facts.size);
  if (images.empty()) throw http::RequestError(400, "the input has no images");
  return images;
}

/// Makes the tensors that a request asks for.
class OutputWriter {
 public:
  OutputWriter(const serve::PredictionReply& done, ServerMetrics& metrics)
      : images_(done.images), facts_(done.model->facts()) {
    for (const serve::PredictedImage& image : images_) {
      predictions_.push_back(
          image_prediction(image.name, {image.logits, image.probabilities, image.p_known}, facts_.labels,
                           facts_.is_multi_label ? data::Task::kMultiLabel : data::Task::kSingleLabel,
                           {.top = 1, .alpha = facts_.alpha.value_or(0)}));
      metrics.count_image(facts_.name, image, predictions_.back().is_none());
    }
  }

  std::vector<OutputTensor> tensors(const std::vector<RequestedOutput>& requested, TensorForm default_form) const {
    std::vector<OutputTensor> outputs;
    if (!requested.empty()) {
      for (const RequestedOutput& output : requested) outputs.push_back(tensor(output));
      return outputs;
    }
    for (const ordered_json& output : output_docs(facts_)) {
      outputs.push_back(tensor({.name = output.at("name"), .form = default_form}));
    }
    return outputs;
  }

 private:
  OutputTensor tensor(const RequestedOutput& output) const {
    OutputTensor made = {.name = output.name, .shape = {std::ssize(images_)}, .data = {}, .form = output.form};
    if (output.classification > 0) return classes(std::move(made), output);
    if (output.name == "probabilities" || output.name == "logits") {
      made.shape.push_back(std::ssize(facts_.labels));
      made.data = output.name == "logits" ? joined(&serve::PredictedImage::logits)
                                          : joined(&serve::PredictedImage::probabilities);
    } else if (output.name == "label" && !facts_.is_multi_label) {
      made.data = best_labels();
    } else if (output.name == "labels" && facts_.is_multi_label) {
      made.shape.push_back(std::ssize(facts_.labels));
      made.data = decisions();
    } else if (output.name == "none_of_these" && facts_.alpha) {
      made.data = refusals();
    } else if (output.name == "p_known" && facts_.alpha) {
      made.data = familiarities();
    } else {
      throw http::RequestError(
          400, fmt::format("{} has no output '{}'", facts_.name, core::fitted(core::spelled_out(output.name), 80)));
    }
    return made;
  }

  OutputTensor classes(OutputTensor made, const RequestedOutput& output) const {
    if (output.name != "probabilities" && output.name != "logits") {
      throw http::RequestError(400, "classification is for the outputs probabilities and logits");
    }
    std::vector<std::string> texts;
    for (const serve::PredictedImage& image : images_) {
      const auto& values = output.name == "logits" ? image.logits : image.probabilities;
      for (std::string& text : classification_of(values, facts_.labels, output.classification)) {
        texts.push_back(std::move(text));
      }
    }
    made.shape.push_back(std::min<std::int64_t>(output.classification, std::ssize(facts_.labels)));
    made.data = std::move(texts);
    return made;
  }

  std::vector<float> joined(std::vector<float> serve::PredictedImage::*values) const {
    std::vector<float> all;
    for (const serve::PredictedImage& image : images_) {
      all.insert(all.end(), (image.*values).begin(), (image.*values).end());
    }
    return all;
  }

  std::vector<std::string> best_labels() const {
    std::vector<std::string> labels;
    for (const ImagePrediction& prediction : predictions_) labels.push_back(prediction.guesses.front().label);
    return labels;
  }

  std::vector<bool> decisions() const {
    std::vector<bool> all;
    for (const ImagePrediction& prediction : predictions_) {
      const std::vector<std::string>& labels = *prediction.labels;
      for (const std::string& label : facts_.labels) {
        all.push_back(std::find(labels.begin(), labels.end(), label) != labels.end());
      }
    }
    return all;
  }

  std::vector<bool> refusals() const {
    std::vector<bool> all;
    for (const ImagePrediction& prediction : predictions_) all.push_back(prediction.is_none());
    return all;
  }

  std::vector<double> familiarities() const {
    std::vector<double> all;
    for (const serve::PredictedImage& image : images_) all.push_back(image.p_known.value_or(1));
    return all;
  }

  const std::vector<serve::PredictedImage>& images_;
  const serve::ModelFacts& facts_;
  std::vector<ImagePrediction> predictions_;  ///< one an image
};

/// What of a request its response needs.
struct Wanted {
  std::string id;
  std::vector<RequestedOutput> outputs;
  TensorForm form = TensorForm::kJson;
};

http::Response inference_response(const serve::PredictionReply& done, const Wanted& wanted, ServerMetrics& metrics) {
  const auto failed = std::find_if(done.images.begin(), done.images.end(), [](const serve::PredictedImage& image) {
    return image.outcome != serve::Outcome::kPredicted;
  });
  if (failed != done.images.end()) return response_to(*failed);
  const serve::ModelFacts& facts = done.model->facts();
  InferenceBody body = write_inference({facts.name, facts.version, wanted.id},
                                       OutputWriter(done, metrics).tensors(wanted.outputs, wanted.form));
  if (!body.json_length) return http::json_text(std::move(body.bytes));
  return {.content_type = "application/octet-stream",
          .body = std::move(body.bytes),
          .headers = {{std::string(kJsonLengthHeader), std::to_string(*body.json_length)}}};
}

void infer(const ServiceParts& parts, const http::Request& request, const http::Reply& reply) {
  const auto model = model_of(parts, request);
  const std::string* json_length = request.headers.find(kJsonLengthHeader);
  const std::int64_t most = parts.options.max_images;
  const InferenceLimits limits = {.images = most, .numbers = most * 3 * model->facts().size * model->facts().size};
  InferenceRequest inference = parse_inference(
      request.body, json_length == nullptr ? std::nullopt : std::optional(*json_length), limits, kImageInput);
  serve::PredictionRequest wanted{.images = inputs_of(inference, model->facts()), .deadline = request.deadline};
  const ClientWatch::Watched client = parts.clients.watch(request.client_left);
  wanted.cancelled = client->get_token();
  wanted.done = [reply, client, &metrics = parts.metrics,
                 of = Wanted{inference.id, inference.outputs, inference.default_form}](serve::PredictionReply&& done) {
    answer_errors(reply, [&] { reply(inference_response(done, of, metrics)); });
  };
  if (const auto refused = parts.store.queue(model->facts().name).submit(std::move(wanted))) {
    reply(response_to(*refused));
  }
}

void handle_inference(const ServiceParts& parts, http::Request request, const http::Reply& reply) {
  const auto kept = std::make_shared<const http::Request>(std::move(request));
  const auto answer = [parts, kept, reply] { answer_errors(reply, [&] { infer(parts, *kept, reply); }); };
  const bool is_raw = kept->headers.get(kJsonLengthHeader) == "0";
  if (is_raw || kept->body.size() <= kLongInference) return answer();
  if (!parts.reader.post(answer)) reply(http::unavailable("too many long requests wait to be read"));
}

http::Handler infers(const ServiceParts& parts) {
  return
      [parts](http::Request request, const http::Reply& reply) { handle_inference(parts, std::move(request), reply); };
}

http::Handler describes(const ServiceParts& parts) {
  return [parts](const http::Request& request, const http::Reply& reply) {
    answer_errors(reply, [&] { reply(http::json(model_doc(model_of(parts, request)->facts()))); });
  };
}

http::Handler tells_readiness(const ServiceParts& parts) {
  return [parts](const http::Request& request, const http::Reply& reply) {
    answer_errors(reply, [&] {
      const std::string name(request.parameter("model"));
      const bool is_loaded = !parts.store.has(name) || parts.store.model(name) != nullptr;
      if (is_loaded) model_of(parts, request);  // 404 for other names and versions
      reply(http::json({{"name", name}, {"ready", is_loaded}}, is_loaded ? 200 : 400));
    });
  };
}

void add_model_routes(Api& api, const ServiceParts& parts, const std::string& path) {
  const std::vector<std::string> tensors = {"application/json", "application/octet-stream"};
  api.add({.method = "GET", .pattern = path, .handler = describes(parts), .access = RouteAccess::kTokenIfAny},
          {.summary = "What a model takes and gives", .schema = "Model"});
  api.add({.method = "GET",
           .pattern = path + "/ready",
           .handler = tells_readiness(parts),
           .access = RouteAccess::kTokenIfAny},
          {.summary = "Whether a model answers", .schema = "Ready"});
  api.add({.method = "POST", .pattern = path + "/infer", .handler = infers(parts), .access = RouteAccess::kTokenIfAny},
          {.summary = "Inference of the Open Inference Protocol",
           .takes = tensors,
           .schema = "InferenceResponse",
           .request_schema = "InferenceRequest"});
}

}  // namespace

void add_v2_routes(Api& api, const ServiceParts& parts) {
  api.add({.method = "GET",
           .pattern = "/v2",
           .handler =
               [version = parts.options.version](const http::Request&, const http::Reply& reply) {
                 reply(http::json({{"name", "margay"},
                                   {"version", version},
                                   {"extensions", {"classification", "binary_tensor_data", "model_repository"}}}));
               },
           .access = RouteAccess::kTokenIfAny},
          {.summary = "The server", .schema = "Server"});
  add_model_routes(api, parts, "/v2/models/{model}");
  add_model_routes(api, parts, "/v2/models/{model}/versions/{version}");
}

}  // namespace margay::routes
