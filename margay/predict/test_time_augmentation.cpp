#include "margay/predict/test_time_augmentation.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "margay/core/error.h"

namespace margay::predict {
namespace {

/// Finite for probabilities that round to 0 or 1.
torch::Tensor log_odds_of(const torch::Tensor& probabilities, metric::Activation activation) {
  const torch::Tensor p = probabilities.clamp_min(std::numeric_limits<double>::min());
  if (activation == metric::Activation::kSoftmax) return p.log();
  return p.log() - (1 - probabilities).clamp_min(std::numeric_limits<double>::epsilon()).log();
}

/// Files may change between two passes.
void check_same_images(const Predictions& plain, const Predictions& drawn, const data::Dataset& dataset) {
  const auto [one, other] = std::mismatch(plain.ids.begin(), plain.ids.end(), drawn.ids.begin(), drawn.ids.end());
  if (one == plain.ids.end() && other == drawn.ids.end()) return;
  const std::size_t changed =
      one == plain.ids.end() ? *other : (other == drawn.ids.end() ? *one : std::min(*one, *other));
  throw core::DataError(dataset.path(changed),
                        "the file changed while it was predicted: one pass could read it and another could not");
}

}  // namespace

torch::Tensor average_draws(const torch::Tensor& plain, const std::vector<torch::Tensor>& draws,
                            metric::Activation activation, double beta) {
  if (draws.empty() || beta < 0 || beta > 1) {
    throw std::invalid_argument("[average_draws] needs one draw at least, and a beta from 0 to 1");
  }
  torch::Tensor sum = torch::zeros_like(plain, torch::kDouble);
  for (const torch::Tensor& draw : draws) {
    if (draw.sizes() != plain.sizes()) throw std::invalid_argument("[average_draws] draws differ in shape");
    sum += metric::probabilities(draw.to(torch::kDouble), activation);
  }
  const torch::Tensor mean = sum / static_cast<double>(draws.size());
  const torch::Tensor own = metric::probabilities(plain.to(torch::kDouble), activation);
  return log_odds_of(torch::lerp(mean, own, beta), activation).to(plain.scalar_type());
}

Predictions collect_averaged(model::Classifier& classifier, const data::Loader& loader, const InferenceOptions& options,
                             const TtaOptions& tta, const ImageCounter& count) {
  core::validate(tta);
  Predictions all = collect_predictions(classifier, loader, options, count);
  const data::Loader augmented = loader.augmented();
  std::vector<torch::Tensor> draws;
  for (std::int64_t draw = 0; draw < tta.n; ++draw) {
    InferenceOptions drawn = options;
    drawn.epoch = draw;
    drawn.unknown = nullptr;  // an image is judged by itself
    drawn.output = NetworkOutput::kLogits;
    const Predictions predictions = collect_predictions(classifier, augmented, drawn, count);
    check_same_images(all, predictions, loader.dataset());
    draws.push_back(predictions.logits);
  }
  all.set_logits(average_draws(all.logits, draws, options.activation, tta.beta), options.activation,
                 options.temperature);
  return all;
}

void stream_averaged(model::Classifier& classifier, const data::Loader& loader, const InferenceOptions& options,
                     const TtaOptions& tta, std::int64_t batches_at_once, const PredictionSink& sink,
                     const ImageCounter& count) {
  if (batches_at_once < 1) throw std::invalid_argument("[stream_averaged] batches_at_once must be at least 1");
  std::int64_t predicted = 0;
  for (std::int64_t first = 0; first < loader.num_batches(); first += batches_at_once) {
    InferenceOptions part = options;
    part.part = PassPart{.first_batch = first, .batches = batches_at_once};
    Predictions averaged = collect_averaged(classifier, loader, part, tta, count);
    predicted += averaged.size();
    sink(std::move(averaged));
  }
  if (predicted == 0) collect_predictions(classifier, loader, options);  // throws: not one image could be read
}

const core::OptionTable& TtaOptions::fields() {
  static const core::OptionTable table(
      "tta", {core::field<&TtaOptions::n>("n", "draws of every image", {1, 1000}),
              core::field<&TtaOptions::beta>("beta", "share of the plain prediction", {0, 1})});
  return table;
}

}  // namespace margay::predict
