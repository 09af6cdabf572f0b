#include "margay/predict/inference.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <torch/utils.h>

#include "margay/model/network_state.h"
#include "margay/model/torch_errors.h"
#include "margay/predict/image_by_image.h"
#include "margay/predict/unknown_detector.h"

namespace margay::predict {
namespace {

/// Keeps the network in eval mode. A network that is in eval mode already is not written to, since other threads may be
/// predicting with it.
class EvalMode {
 public:
  explicit EvalMode(model::Classifier& classifier) {
    const auto modules = classifier.modules();
    const bool is_in_eval =
        std::none_of(modules.begin(), modules.end(), [](const auto& module) { return module->is_training(); });
    if (is_in_eval) return;
    before_.emplace(classifier);
    classifier.eval();
  }

 private:
  std::optional<model::ModeGuard> before_;
};

/// Row by row where each image is computed alone: a matrix product's bits depend on its number of rows, too.
torch::Tensor p_known_of(const LogitsAndFeatures& outputs, const InferenceOptions& options) {
  const UnknownDetector& unknown = *options.unknown;
  if (options.each_alone == nullptr) return unknown.p_known(outputs.logits, outputs.features);
  std::vector<torch::Tensor> rows;
  for (std::int64_t row = 0; row < outputs.logits.size(0); ++row) {
    const bool has_features = outputs.features.defined();
    rows.push_back(unknown.p_known(outputs.logits.slice(0, row, row + 1),
                                   has_features ? outputs.features.slice(0, row, row + 1) : torch::Tensor()));
  }
  return torch::cat(rows);
}

/// Without probabilities, losses and ids.
Predictions as_rows(const LogitsAndFeatures& outputs, const InferenceOptions& options) {
  Predictions rows;
  rows.logits = outputs.logits.cpu();
  if (options.output == NetworkOutput::kLogitsAndFeatures) rows.features = outputs.features.cpu();
  if (options.unknown != nullptr) {
    rows.p_known = p_known_of(outputs, options);
    rows.alpha = options.unknown->alpha();
  }
  return rows;
}

/// Without probabilities and losses.
Predictions predictions_of(BatchOutput& output, bool has_labels, const InferenceOptions& options) {
  Predictions rows = as_rows({.logits = output.logits, .features = output.features}, options);
  rows.ids = std::move(output.batch.ids);
  if (has_labels) rows.targets = output.batch.targets.cpu();
  rows.skipped.assign(output.skipped.begin(), output.skipped.end());
  return rows;
}

Predictions no_predictions(const model::Classifier& classifier, const data::Dataset& dataset,
                           const InferenceOptions& options) {
  Predictions none;
  none.logits = torch::empty({0, classifier.num_classes()});
  if (options.output == NetworkOutput::kLogitsAndFeatures) {
    none.features = torch::empty({0, classifier.backbone().features()});
  }
  if (options.unknown != nullptr) {
    none.p_known = torch::empty({0}, torch::kDouble);
    none.alpha = options.unknown->alpha();
  }
  if (dataset.num_classes() > 0) none.targets = data::batch_targets(dataset, {});
  return none;
}

/// With the features that the detector needs.
InferenceOptions with_needed_output(InferenceOptions options) {
  if (options.output == NetworkOutput::kFeatures)
    throw std::invalid_argument("[inference] predictions need logits; features alone come from for_each_batch");
  if (options.unknown != nullptr && options.unknown->needs_features()) {
    options.output = NetworkOutput::kLogitsAndFeatures;
  }
  return options;
}

/// Calls `sink` for each batch, and at the end for images skipped after the last one.
void for_each_part(model::Classifier& classifier, const data::Loader& loader, const InferenceOptions& options,
                   const PredictionSink& sink) {
  const bool has_labels = loader.dataset().num_classes() > 0;
  std::size_t reported = 0;
  const PassSummary pass = for_each_batch(classifier, loader, with_needed_output(options), [&](BatchOutput& output) {
    reported += output.skipped.size();
    sink(predictions_of(output, has_labels, options));
  });
  if (pass.batches > 0 && reported == pass.skipped.size()) return;
  Predictions rest = no_predictions(classifier, loader.dataset(), options);
  rest.skipped.assign(pass.skipped.begin() + static_cast<std::ptrdiff_t>(reported), pass.skipped.end());
  sink(std::move(rest));
}

}  // namespace

torch::Tensor logits_of(model::Classifier& classifier, const torch::Tensor& images, model::Precision precision) {
  const model::Autocast autocast(images.device(), precision);
  return classifier.forward(images).to(torch::kFloat);
}

torch::Tensor features_of(model::Classifier& classifier, const torch::Tensor& images, model::Precision precision) {
  const model::Autocast autocast(images.device(), precision);
  return model::pool_features(classifier.extract(images), classifier.backbone());
}

LogitsAndFeatures logits_and_features_of(model::Classifier& classifier, const torch::Tensor& images,
                                         model::Precision precision) {
  const model::Autocast autocast(images.device(), precision);
  const torch::Tensor features = classifier.extract(images);
  return {.logits = classifier.classify(features).to(torch::kFloat),
          .features = model::pool_features(features, classifier.backbone())};
}

LogitsAndFeatures outputs_of_batch(model::Classifier& classifier, const torch::Tensor& images, NetworkOutput output,
                                   model::Precision precision) {
  switch (output) {
    case NetworkOutput::kLogits:
      return {.logits = logits_of(classifier, images, precision)};
    case NetworkOutput::kFeatures:
      return {.features = features_of(classifier, images, precision)};
    case NetworkOutput::kLogitsAndFeatures:
      break;
  }
  return logits_and_features_of(classifier, images, precision);
}

namespace {

LogitsAndFeatures compute(model::Classifier& classifier, const torch::Tensor& images, const InferenceOptions& options) {
  if (options.each_alone != nullptr && images.is_cpu())
    return options.each_alone->outputs_of(classifier, images, options.output, options.precision);
  return outputs_of_batch(classifier, images, options.output, options.precision);
}

data::LoaderPass begin_pass(const data::Loader& loader, const InferenceOptions& options) {
  if (options.part && options.ids != nullptr)
    throw std::invalid_argument("[inference] part and ids exclude each other");
  if (options.ids != nullptr) return loader.pass_of(*options.ids, options.epoch);
  if (!options.part) return loader.pass(options.epoch);
  return loader.part(options.epoch, options.part->first_batch, options.part->batches);
}

PassSummary run_pass(model::Classifier& classifier, const data::Loader& loader, const InferenceOptions& options,
                     const BatchVisitor& visit) {
  const torch::NoGradGuard no_grad;
  std::optional<EvalMode> mode;
  if (options.mode == NetworkMode::kEval) mode.emplace(classifier);
  std::unique_ptr<data::BatchCopy> own_copy;
  if (options.copy == nullptr) own_copy = data::batch_copy(classifier.device());
  data::BatchCopy* const copy = options.copy == nullptr ? own_copy.get() : options.copy;
  data::TimedPass pass(begin_pass(loader, options), copy);
  PassSummary summary;
  while (!options.batches || summary.batches < *options.batches) {
    std::optional<data::Batch> batch = pass.next();
    if (!batch) break;
    if (batch->size() < options.least_images) continue;
    ++summary.batches;
    summary.images += batch->size();
    BatchOutput output;
    output.batch = std::move(*batch);
    output.images_per_s = pass.images_per_s();
    LogitsAndFeatures computed = compute(classifier, output.batch.images, options);
    output.logits = std::move(computed.logits);
    output.features = std::move(computed.features);
    output.skipped = pass.newly_skipped();
    visit(output);
  }
  summary.seconds = pass.seconds();
  summary.skipped = pass.skipped();
  return summary;
}

}  // namespace

PassSummary for_each_batch(model::Classifier& classifier, const data::Loader& loader, const InferenceOptions& options,
                           const BatchVisitor& visit) {
  return model::with_own_errors(model::kPredictWithLess, [&] { return run_pass(classifier, loader, options, visit); });
}

Predictions predict_batch(model::Classifier& classifier, const torch::Tensor& images, const InferenceOptions& options) {
  return model::with_own_errors(model::kPredictWithLess, [&] {
    const torch::NoGradGuard no_grad;
    const InferenceOptions needed = with_needed_output(options);
    Predictions rows = as_rows(compute(classifier, images, needed), needed);
    rows.ids.resize(static_cast<std::size_t>(images.size(0)));
    std::iota(rows.ids.begin(), rows.ids.end(), std::size_t{0});
    rows.set_logits(rows.logits, needed.activation, needed.temperature);
    return rows;
  });
}

void stream_predictions(model::Classifier& classifier, const data::Loader& loader, const InferenceOptions& options,
                        const PredictionSink& sink) {
  for_each_part(classifier, loader, options, [&](Predictions&& part) {
    part.set_logits(part.logits, options.activation, options.temperature);
    sink(std::move(part));
  });
}

Predictions collect_predictions(model::Classifier& classifier, const data::Loader& loader,
                                const InferenceOptions& options, const ImageCounter& count) {
  std::vector<Predictions> parts;
  for_each_part(classifier, loader, options, [&](Predictions&& part) {
    if (count) count(part.ids.size() + part.skipped.size());
    parts.push_back(std::move(part));
  });
  Predictions all = joined(parts);
  all.set_logits(all.logits, options.activation, options.temperature);
  return all;
}

}  // namespace margay::predict
