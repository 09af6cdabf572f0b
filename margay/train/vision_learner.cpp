#include "margay/train/vision_learner.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/data/source/balance.h"
#include "margay/metric/metric.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/pretrained.h"

namespace margay::train {
namespace {

/// names: those wanted; none: error_rate, or accuracy_multi and f1_multi.
metric::Metrics metrics_for(data::Task task, std::vector<std::string> names) {
  const bool is_single = task == data::Task::kSingleLabel;
  const auto known = metric::metric_names(is_single ? metric::TargetKind::kOneClass : metric::TargetKind::kAnyClasses);
  if (names.empty()) names = is_single ? std::vector<std::string>{"error_rate"} : known;
  metric::Metrics metrics;
  for (const std::string& name : names) {
    metrics.push_back(metric::metric_by_name(name));
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw std::invalid_argument(fmt::format("[vision_learner] {} is not for images of {}; those are measured by {}",
                                            name, is_single ? "one class each" : "several classes",
                                            fmt::join(known, " or ")));
  }
  return metrics;
}

}  // namespace

data::Normalization published_normalization(const std::string& architecture) {
  const model::Architecture& known = model::find_architecture(architecture);
  return {known.mean, known.std};
}

Learner vision_learner(data::Loaders loaders, const std::string& architecture, const VisionLearnerOptions& options,
                       PretrainedWeights weights) {
  core::validate(options);
  torch::manual_seed(options.seed);
  const std::int64_t classes = loaders.vocabulary.size();
  auto classifier = model::make_classifier({.architecture = architecture,
                                            .num_classes = classes,
                                            .image_px = loaders.transforms().augment.size,
                                            .head = options.head});
  if (!options.weights.empty() && weights == PretrainedWeights::kRead) {
    model::load_pretrained(*classifier, options.weights, {.sha256 = options.weights_sha256});
  }
  Learner learner(std::move(loaders), std::move(classifier), options.learner);
  learner.set_metrics(metrics_for(learner.loaders().task(), options.metrics));
  const data::Loader& train = learner.loaders().train;
  if (train.options().balance == data::Balance::kWeights) {
    learner.set_class_weights(data::class_weights(train.dataset()));
  }
  if (!options.weights.empty()) learner.freeze();
  return learner;
}

const core::OptionTable& VisionLearnerOptions::fields() {
  static const core::OptionTable table(
      "vision_learner",
      {core::field<&VisionLearnerOptions::weights>(
           "weights",
           "pretrained network: a file (safetensors, PyTorch, fastai, .margay) or a folder of "
           "one, for the program also 'cached': from the user's cache folder; none: start "
           "from scratch"),
       core::field<&VisionLearnerOptions::weights_sha256>(
           "weights_sha256", "refuse weights whose file has another SHA-256", {core::needs({"weights"})}),
       core::field<&VisionLearnerOptions::seed>(
           "seed", "seed of new weights and dropout; in the program also of order and crops"),
       core::field<&VisionLearnerOptions::metrics>("metrics",
                                                   "numbers of every epoch: accuracy, error_rate; of images with "
                                                   "several labels accuracy_multi, f1_multi; none: "
                                                   "error_rate, or both"),
       core::field<&VisionLearnerOptions::head>("head", "the layers after the backbone"),
       core::field<&VisionLearnerOptions::learner>("learner", "optimizer, precision, device")});
  return table;
}

}  // namespace margay::train
