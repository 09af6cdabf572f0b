#include "margay/train/vision_learner.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/text.h"
#include "margay/data/source/balance.h"
#include "margay/metric/metric.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/torch_errors.h"
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
                                            core::joined(known, " or ")));
  }
  return metrics;
}

}  // namespace

data::Normalization published_normalization(const std::string& architecture) {
  const model::Architecture& known = model::find_architecture(architecture);
  return {known.mean, known.std};
}

model::PublishedForm published_form(const std::string& architecture, const std::filesystem::path& weights,
                                    std::optional<model::Arithmetic> arithmetic) {
  return published_form(architecture, model::read_pretrained(weights, model::find_architecture(architecture)),
                        arithmetic);
}

model::PublishedForm published_form(const std::string& architecture, const model::PretrainedFile& weights,
                                    std::optional<model::Arithmetic> arithmetic) {
  const model::Architecture& known = model::find_architecture(architecture);
  const model::PublishedForm form = model::recognise_form(weights.path, weights.content, known);
  model::check_weight_set(weights.path, form, known);
  return model::with_arithmetic(form, arithmetic, known);
}

namespace {

bool is_near(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](double x, double y) { return std::abs(x - y) < 1e-3; });
}

/// Of a user of the library who normalises otherwise than the weights expect; the program has done it as they do.
std::string normalization_warning(const model::PublishedForm& form, const data::Normalization& used) {
  if (is_near(form.mean, used.mean) && is_near(form.std, used.std)) return "";
  return fmt::format("the images are normalised by mean {:.4g}, std {:.4g}; {}", fmt::join(used.mean, ","),
                     fmt::join(used.std, ","), model::form_text(form));
}

void append_warning(data::Loaders& loaders, const std::string& warning) {
  if (!warning.empty()) loaders.warnings.push_back(warning);
}

Learner make_vision_learner(data::Loaders loaders, const std::string& architecture, const VisionLearnerOptions& options,
                            const std::optional<model::PretrainedFile>& weights) {
  torch::manual_seed(options.seed);
  const std::int64_t classes = loaders.vocabulary.size();
  model::Arithmetic arithmetic = options.arithmetic.value_or(model::Arithmetic::kUsual);
  if (weights && !options.arithmetic) {
    const model::PublishedForm form = published_form(architecture, *weights);
    for (const std::string& warning : form.warnings) append_warning(loaders, warning);
    append_warning(loaders, normalization_warning(form, loaders.transforms().normalization));
    arithmetic = form.arithmetic;
  }
  auto classifier = model::make_classifier({.architecture = architecture,
                                            .num_classes = classes,
                                            .image_px = loaders.transforms().augment.size,
                                            .arithmetic = arithmetic,
                                            .head = options.head});
  if (weights) append_warning(loaders, model::load_pretrained(*classifier, *weights).warning);
  Learner learner(std::move(loaders), std::move(classifier), options.learner);
  learner.set_metrics(metrics_for(learner.loaders().task(), options.metrics));
  const data::Loader& train = learner.loaders().train;
  if (train.options().balance == data::Balance::kWeights) {
    learner.set_class_weights(data::class_weights(train.dataset()));
  }
  if (!options.weights.empty()) learner.freeze();
  return learner;
}

}  // namespace

Learner vision_learner(data::Loaders loaders, const std::string& architecture, const VisionLearnerOptions& options,
                       PretrainedWeights weights) {
  core::validate(options);
  std::optional<model::PretrainedFile> file;
  if (!options.weights.empty() && weights == PretrainedWeights::kRead) {
    const model::Architecture& known = model::find_architecture(architecture);
    file = model::with_own_errors(
        model::kFreeMemory, [&] { return model::read_pretrained(options.weights, known, options.weights_sha256); });
  }
  return vision_learner(std::move(loaders), architecture, options, file);
}

Learner vision_learner(data::Loaders loaders, const std::string& architecture, const VisionLearnerOptions& options,
                       const std::optional<model::PretrainedFile>& weights) {
  core::validate(options);
  return model::with_own_errors(
      model::kFreeMemory, [&] { return make_vision_learner(std::move(loaders), architecture, options, weights); });
}

const core::OptionTable& VisionLearnerOptions::fields() {
  static const core::OptionTable table(
      "vision_learner",
      {core::field<&VisionLearnerOptions::weights>(
           "weights",
           "pretrained network: a file (safetensors, PyTorch, fastai, .margay) or a folder of "
           "one; for the program also auto (the default: what lies on this machine, or none), cached (from the user's "
           "cache folder) and none (from scratch)"),
       core::field<&VisionLearnerOptions::weights_sha256>(
           "weights_sha256", "refuse weights whose file has another SHA-256", {core::needs({"weights"})}),
       core::field<&VisionLearnerOptions::arithmetic>(
           "arithmetic",
           "how the publisher of the weights computes: usual, tensorflow (tf_…), timm, caffe, mean_pooled; by default "
           "as names and metadata of the weights tell"),
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
