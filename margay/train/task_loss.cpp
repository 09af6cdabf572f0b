#include "margay/train/task_loss.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/loss/binary_cross_entropy.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/focal_loss.h"
#include "margay/loss/input_check.h"
#include "margay/loss/poly1_cross_entropy.h"
#include "margay/metric/metric.h"

namespace margay::train {
namespace {

using enum LossKind;

/// Throws if the option is given and the loss is none of those it belongs to.
void check_belongs(const char* option, const std::optional<double>& value, LossKind kind,
                   std::initializer_list<LossKind> owners) {
  if (!value || std::find(owners.begin(), owners.end(), kind) != owners.end()) return;
  throw std::invalid_argument(fmt::format("[loss] {} has no meaning for {}; leave it out, or choose another loss",
                                          option, core::to_text(kind)));
}

}  // namespace

LossKind resolve_loss(LossKind kind, data::Task task) {
  const bool is_single = task == data::Task::kSingleLabel;
  if (kind == kAuto) return is_single ? kCrossEntropy : kBce;
  if (is_single && kind == kAsymmetric) {
    throw std::invalid_argument(
        "[loss] asymmetric is for images with several labels; for one class per image there are cross_entropy, focal, "
        "poly1 and bce");
  }
  if (!is_single && (kind == kCrossEntropy || kind == kPoly1)) {
    throw std::invalid_argument(
        fmt::format("[loss] {} is for one class per image; for several labels there are bce, focal and asymmetric",
                    core::to_text(kind)));
  }
  return kind;
}

bool takes_soft_targets(LossKind kind) { return kind != kFocal && kind != kPoly1; }

void check_loss(const LossOptions& options, data::Task task) {
  core::validate(options);
  const LossKind kind = resolve_loss(options.kind, task);
  check_belongs("label_smoothing", options.label_smoothing, kind, {kCrossEntropy, kPoly1, kBce});
  check_belongs("z_loss", options.z_loss, kind, {kCrossEntropy});
  check_belongs("focal_gamma", options.focal_gamma, kind, {kFocal});
  check_belongs("focal_alpha", options.focal_alpha, kind, {kFocal});
  check_belongs("poly1_epsilon", options.poly1_epsilon, kind, {kPoly1});
  check_belongs("asymmetric_gamma_pos", options.asymmetric_gamma_pos, kind, {kAsymmetric});
  check_belongs("asymmetric_gamma_neg", options.asymmetric_gamma_neg, kind, {kAsymmetric});
  check_belongs("asymmetric_clip", options.asymmetric_clip, kind, {kAsymmetric});
  if (options.focal_alpha && task == data::Task::kSingleLabel) {
    throw std::invalid_argument(
        "[loss] focal_alpha has no meaning for focal with one class per image; `balance` weights sets class weights");
  }
}

const core::OptionTable& LossOptions::fields() {
  using O = LossOptions;
  static const core::OptionTable table(
      "loss",
      {core::field<&O::kind>("loss",
                             "what training minimises: auto, cross_entropy, focal, poly1, bce or asymmetric; auto is "
                             "cross_entropy, or bce for several labels"),
       core::field<&O::label_smoothing>(
           "label_smoothing", "cross_entropy, poly1, bce: share of each target spread over all classes", {0, 1}),
       core::field<&O::z_loss>("z_loss", "cross_entropy: factor of (log Σ exp z)², which keeps logits from drifting",
                               {0, 1e6}),
       core::field<&O::focal_gamma>("focal_gamma", "focal: how much less an easy image counts; 2 by default", {0, 100}),
       core::field<&O::focal_alpha>(
           "focal_alpha", "focal, several labels: weight of ones, zeros weigh 1 - this; both 1 by default", {0, 1}),
       core::field<&O::poly1_epsilon>(
           "poly1_epsilon", "poly1: what is added to the first coefficient of its series; 1 by default", {-1, 1e6}),
       core::field<&O::asymmetric_gamma_pos>("asymmetric_gamma_pos",
                                             "asymmetric: how much less an easy 1 counts; 1 by default", {0, 100}),
       core::field<&O::asymmetric_gamma_neg>("asymmetric_gamma_neg",
                                             "asymmetric: how much less an easy 0 counts; 4 by default", {0, 100}),
       core::field<&O::asymmetric_clip>(
           "asymmetric_clip", "asymmetric: a 0 of at most this probability counts nothing; 0.05 by default", {0, 1})});
  return table;
}

namespace {

torch::Tensor focal(const torch::Tensor& logits, const torch::Tensor& targets, const TaskLoss& loss) {
  const double gamma = loss.options.focal_gamma.value_or(loss::FocalLossOptions().gamma);
  if (loss.task == data::Task::kSingleLabel) {
    return loss::focal_loss(logits, targets, {.gamma = gamma, .class_weights = loss.class_weights});
  }
  return loss::binary_focal_loss(logits, targets, {.gamma = gamma, .alpha = loss.options.focal_alpha});
}

torch::Tensor poly1(const torch::Tensor& logits, const torch::Tensor& targets, const TaskLoss& loss) {
  const LossOptions& options = loss.options;
  return loss::poly1_cross_entropy(logits, targets,
                                   {.epsilon = options.poly1_epsilon.value_or(loss::Poly1CrossEntropyOptions().epsilon),
                                    .class_weights = loss.class_weights,
                                    .label_smoothing = options.label_smoothing.value_or(0)});
}

/// 1 for the class of each image, 0 for the others, in the logits' type. Throws loss::TargetError.
torch::Tensor one_hot(const torch::Tensor& logits, const torch::Tensor& targets) {
  constexpr std::int64_t kIgnoreNothing = std::numeric_limits<std::int64_t>::min();
  loss::check_logits("bce", logits);
  loss::check_indices("bce", logits, targets, kIgnoreNothing);
  return torch::zeros_like(logits).scatter_(1, targets.to(torch::kLong).unsqueeze(1), 1);
}

/// Of one class an image: smoothed as for a softmax, (1 - ε) t + ε / K. ε / 2 for each would make K ε / 2 classes.
torch::Tensor bce_of_one(const torch::Tensor& logits, const torch::Tensor& targets, double smoothing,
                         const std::vector<double>& weights) {
  const bool is_soft = targets.dim() == 2 && targets.is_floating_point();
  const torch::Tensor t = is_soft ? targets : one_hot(logits.detach(), targets);
  const auto classes = static_cast<double>(logits.size(1));
  return loss::binary_cross_entropy_with_logits(logits, t * (1 - smoothing) + smoothing / classes,
                                                {.pos_weights = weights});
}

torch::Tensor bce(const torch::Tensor& logits, const torch::Tensor& targets, const TaskLoss& loss) {
  const double smoothing = loss.options.label_smoothing.value_or(0);
  if (loss.task == data::Task::kSingleLabel) return bce_of_one(logits, targets, smoothing, loss.class_weights);
  return loss::binary_cross_entropy_with_logits(logits, targets,
                                                {.pos_weights = loss.class_weights, .label_smoothing = smoothing});
}

torch::Tensor asymmetric(const torch::Tensor& logits, const torch::Tensor& targets, const LossOptions& options) {
  loss::AsymmetricLossOptions given;
  given.gamma_pos = options.asymmetric_gamma_pos.value_or(given.gamma_pos);
  given.gamma_neg = options.asymmetric_gamma_neg.value_or(given.gamma_neg);
  given.clip = options.asymmetric_clip.value_or(given.clip);
  return loss::asymmetric_loss(logits, targets, given);
}

}  // namespace

void TaskLoss::check(data::MixMethod mix) const {
  check_loss(options, task);
  const LossKind kind = resolve_loss(options.kind, task);
  const std::string name = core::to_text(kind);
  if (mix != data::MixMethod::kNone && !takes_soft_targets(kind)) {
    throw std::invalid_argument(
        fmt::format("[loss] {} takes one class per image, and {} makes targets of two; cross_entropy and bce take both",
                    name, core::to_text(mix)));
  }
  const bool knows_weights =
      kind != LossKind::kAsymmetric && (kind != LossKind::kFocal || task == data::Task::kSingleLabel);
  if (!class_weights.empty() && !knows_weights) {
    throw std::invalid_argument(
        fmt::format("[loss] {} has no class weights for images with several labels; bce does", name));
  }
}

torch::Tensor TaskLoss::mean(const torch::Tensor& logits, const torch::Tensor& targets) const {
  check();
  switch (resolve_loss(options.kind, task)) {
    case LossKind::kFocal:
      return focal(logits, targets, *this);
    case LossKind::kPoly1:
      return poly1(logits, targets, *this);
    case LossKind::kBce:
      return bce(logits, targets, *this);
    case LossKind::kAsymmetric:
      return asymmetric(logits, targets, options);
    case LossKind::kCrossEntropy:
    case LossKind::kAuto:  // resolved
      break;
  }
  return loss::cross_entropy(logits, targets,
                             {.class_weights = class_weights,
                              .label_smoothing = options.label_smoothing.value_or(0),
                              .z_loss = options.z_loss.value_or(0)});
}

torch::Tensor TaskLoss::of_each(const torch::Tensor& logits, const torch::Tensor& targets) const {
  const bool is_single = task == data::Task::kSingleLabel;
  return metric::image_losses(logits, targets, is_single ? metric::Activation::kSoftmax : metric::Activation::kSigmoid);
}

namespace {

constexpr std::size_t kNamed = 5;

std::string path_of(const data::Dataset& dataset, std::size_t id) { return dataset.path(id).string(); }

/// Where the rows are set that `is_set` says. is_set: bool [N].
std::vector<std::string> paths_where(const torch::Tensor& is_set, const data::Batch& batch,
                                     const data::Dataset& dataset) {
  const torch::Tensor set = is_set.cpu();
  std::vector<std::string> paths;
  for (std::int64_t row = 0; row < batch.size(); ++row) {
    if (set[row].item<bool>()) paths.push_back(path_of(dataset, batch.ids[static_cast<std::size_t>(row)]));
  }
  return paths;
}

std::string named(std::vector<std::string> paths) {
  const std::size_t count = paths.size();
  if (count > kNamed) paths.resize(kNamed);
  return fmt::format("{}{}", core::joined(paths, ", "),
                     count > kNamed ? fmt::format(" and {} more", count - kNamed) : "");
}

}  // namespace

torch::Tensor batch_loss(const TrainingLoss& loss, const torch::Tensor& logits, const data::Batch& batch,
                         const data::Dataset& dataset) {
  try {
    return loss(logits, batch);
  } catch (const loss::TargetError& error) {
    throw core::DataError(path_of(dataset, batch.ids[static_cast<std::size_t>(error.position())]),
                          fmt::format("its target {} is no class index; the network's {} classes allow 0 to {}",
                                      error.target(), error.num_classes(), error.num_classes() - 1));
  }
}

void check_finite(double loss, const torch::Tensor& logits, const data::Batch& batch, const data::Dataset& dataset,
                  const std::string& when, const std::function<std::string()>& find_layer) {
  if (std::isfinite(loss)) return;
  const torch::Tensor z = logits.detach();
  std::vector<std::string> paths = paths_where(z.isfinite().all(1).logical_not(), batch, dataset);
  std::string what = "the logits are not finite";
  if (paths.empty()) {
    const torch::Tensor losses = TaskLoss{dataset.task()}.of_each(z, batch.targets);
    paths = paths_where(losses == losses.max(), batch, dataset);
    what = "the loss itself overflows";
  } else if (const std::string layer = find_layer ? find_layer() : ""; !layer.empty()) {
    what += fmt::format(", first in {},", layer);
  }
  throw DivergedError(fmt::format(
      "the loss is {} in {}: {} for {} of {} images ({}). If it is the same image every time, look at it; otherwise "
      "lower the learning rate (`base_lr`), or in half precision train with `precision` fp32",
      std::isnan(loss) ? "not a number" : "infinite", when, what, paths.size(), batch.size(), named(paths)));
}

void check_gradients(double norm, const data::Batch& batch, const data::Dataset& dataset, const std::string& when) {
  if (std::isfinite(norm)) return;
  std::vector<std::string> paths;
  for (const std::size_t id : batch.ids) paths.push_back(path_of(dataset, id));
  throw DivergedError(
      fmt::format("the gradients are not finite in {}, though the loss is: the batch was {}. Lower the learning rate "
                  "(`base_lr`), or in half precision train with `precision` fp32",
                  when, named(paths)));
}

}  // namespace margay::train
