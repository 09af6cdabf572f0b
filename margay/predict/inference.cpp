#include "margay/predict/inference.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

#include <torch/utils.h>

#include "margay/model/network_state.h"
#include "margay/model/torch_errors.h"
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

/// Without probabilities and losses.
Predictions predictions_of(BatchOutput& output, bool has_labels, const InferenceOptions& options) {
  Predictions rows;
  rows.logits = output.logits.cpu();
  if (options.output == NetworkOutput::kLogitsAndFeatures) rows.features = output.features.cpu();
  if (options.unknown != nullptr) {
    rows.p_known = options.unknown->p_known(output.logits, output.features);
    rows.alpha = options.unknown->alpha();
  }
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

namespace {

void compute(BatchOutput& output, model::Classifier& classifier, const InferenceOptions& options) {
  const torch::Tensor& images = output.batch.images;
  switch (options.output) {
    case NetworkOutput::kLogits:
      output.logits = logits_of(classifier, images, options.precision);
      return;
    case NetworkOutput::kFeatures:
      output.features = features_of(classifier, images, options.precision);
      return;
    case NetworkOutput::kLogitsAndFeatures:
      LogitsAndFeatures both = logits_and_features_of(classifier, images, options.precision);
      output.logits = std::move(both.logits);
      output.features = std::move(both.features);
  }
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
    compute(output, classifier, options);
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
