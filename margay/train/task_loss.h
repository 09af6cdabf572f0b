#pragma once

#include <vector>

#include <torch/types.h>

#include "margay/data/item.h"
#include "margay/data/transform/mix.h"
#include "margay/train/loss_options.h"

namespace margay::train {

/// What training minimises, and what the history shows of it.
///
/// mean() is the chosen loss with its weights and smoothing. The history, validation, and the loss of each image are
/// the task's own loss whatever is trained with: cross-entropy for one class of K, binary cross-entropy over every
/// class where an image may be of several or of none. (fastai validates with the training loss. Here runs with
/// different losses, smoothings and weights can be compared by their valid_loss, it is a negative log-likelihood, and
/// its sum over images is what the loss X-ray explains. Where it is not what training minimises, a metric may say
/// more.)
struct TaskLoss {
  data::Task task = data::Task::kSingleLabel;
  /// How much each class counts, or for multi-label its ones; empty: all alike.
  std::vector<double> class_weights = {};
  LossOptions options = {};

  /// Throws std::invalid_argument as check_loss does, for class weights where the loss knows none, and for mixing where
  /// it takes no soft targets: all that mean() would throw later but what the data itself is guilty of.
  void check(data::MixMethod mix = data::MixMethod::kNone) const;

  /// logits: float [N,K]; targets: int64 [N], or float [N,K]. Result: a scalar, what training minimises.
  /// Throws as margay/loss does.
  torch::Tensor mean(const torch::Tensor& logits, const torch::Tensor& targets) const;
  /// The task's own loss for each image, without weights and options, float [N]. For multi-label the mean over the
  /// classes.
  torch::Tensor of_each(const torch::Tensor& logits, const torch::Tensor& targets) const;
};

}  // namespace margay::train
