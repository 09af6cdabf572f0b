#include "margay/train/task_loss.h"

#include "margay/loss/binary_cross_entropy.h"
#include "margay/loss/cross_entropy.h"

namespace margay::train {

torch::Tensor TaskLoss::mean(const torch::Tensor& logits, const torch::Tensor& targets) const {
  if (task == data::Task::kSingleLabel) return loss::cross_entropy(logits, targets, {.class_weights = class_weights});
  return loss::binary_cross_entropy_with_logits(logits, targets, {.pos_weights = class_weights});
}

torch::Tensor TaskLoss::of_each(const torch::Tensor& logits, const torch::Tensor& targets) const {
  constexpr auto kNone = loss::Reduction::kNone;
  if (task == data::Task::kSingleLabel) return loss::cross_entropy(logits, targets, {.reduction = kNone});
  return loss::binary_cross_entropy_with_logits(logits, targets, {.reduction = kNone}).mean(1);
}

}  // namespace margay::train
