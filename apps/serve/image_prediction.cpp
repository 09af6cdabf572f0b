#include "apps/serve/image_prediction.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/predict/calibration.h"

namespace margay::routes {
namespace {

std::vector<Guess> best_guesses(const ImageOutputs& outputs, std::span<const std::string> labels, int top) {
  std::vector<std::size_t> order(outputs.logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto logit = [&](std::size_t k) { return outputs.logits[k]; };
  const auto is_before = [&](std::size_t a, std::size_t b) {
    return logit(a) > logit(b) || (logit(a) == logit(b) && a < b);
  };
  const auto count = std::min<std::ptrdiff_t>(top, std::ssize(order));
  std::partial_sort(order.begin(), order.begin() + count, order.end(), is_before);
  std::vector<Guess> guesses;
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    const std::size_t k = order[static_cast<std::size_t>(i)];
    guesses.push_back({labels[k], outputs.probabilities[k]});
  }
  return guesses;
}

/// The threshold is for the logits' own probabilities, so that no calibration changes a decision.
std::vector<std::string> classes_above(double threshold, std::span<const float> logits,
                                       std::span<const std::string> labels) {
  const torch::Tensor row = torch::tensor(at::ArrayRef<float>(logits.data(), logits.size()));
  const torch::Tensor is_predicted = predict::label_decisions(row, threshold);
  std::vector<std::string> classes;
  for (std::size_t k = 0; k < labels.size(); ++k) {
    if (is_predicted[static_cast<std::int64_t>(k)].item<bool>()) classes.push_back(labels[k]);
  }
  return classes;
}

}  // namespace

ImagePrediction image_prediction(std::string image, const ImageOutputs& outputs, std::span<const std::string> labels,
                                 data::Task task, const PredictionChoice& choice) {
  const std::size_t classes = labels.size();
  if (outputs.logits.size() != classes || outputs.probabilities.size() != classes) {
    throw std::invalid_argument(
        fmt::format("[image_prediction] {} classes need so many logits and probabilities, got "
                    "{} and {}",
                    classes, outputs.logits.size(), outputs.probabilities.size()));
  }
  ImagePrediction prediction{.image = std::move(image), .guesses = best_guesses(outputs, labels, choice.top)};
  if (task == data::Task::kMultiLabel) {
    prediction.labels = classes_above(choice.threshold, outputs.logits, labels);
  }
  if (outputs.p_known) {
    prediction.familiarity = Familiarity{.p_known = *outputs.p_known, .is_none = *outputs.p_known <= choice.alpha};
  }
  return prediction;
}

std::string model_version(const std::filesystem::path& file) {
  return core::sha256_of_file(file).substr(0, kVersionDigits);
}

nlohmann::ordered_json to_json(const ImagePrediction& prediction, const ModelIdentity& model) {
  nlohmann::ordered_json json = {{"path", prediction.image}};
  if (prediction.labels) json["labels"] = *prediction.labels;
  if (prediction.familiarity) {
    json["none_of_these"] = prediction.familiarity->is_none;
    json["p_known"] = prediction.familiarity->p_known;
  }
  json["predictions"] = nlohmann::ordered_json::array();
  for (const Guess& guess : prediction.guesses) {
    json["predictions"].push_back({{"label", guess.label}, {"probability", guess.probability}});
  }
  json["model"] = model.name;
  json["model_version"] = model.version;
  json["schema"] = kPredictionSchema;
  return json;
}

}  // namespace margay::routes
