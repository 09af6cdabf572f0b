#include "margay/train/task_loss.h"

#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/loss/asymmetric_loss.h"
#include "margay/loss/binary_cross_entropy.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/focal_loss.h"
#include "margay/loss/poly1_cross_entropy.h"
#include "margay/loss/shape_check.h"

namespace margay::train {
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
        fmt::format("[loss] {} takes one class an image, and {} makes targets of two; cross_entropy and bce take both",
                    name, core::to_text(mix)));
  }
  const bool knows_weights =
      kind != LossKind::kAsymmetric && (kind != LossKind::kFocal || task == data::Task::kSingleLabel);
  if (!class_weights.empty() && !knows_weights) {
    throw std::invalid_argument(
        fmt::format("[loss] {} knows no class weights for images of several labels; bce does", name));
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
  constexpr auto kNone = loss::Reduction::kNone;
  if (task == data::Task::kSingleLabel) return loss::cross_entropy(logits, targets, {.reduction = kNone});
  return loss::binary_cross_entropy_with_logits(logits, targets, {.reduction = kNone}).mean(1);
}

}  // namespace margay::train
