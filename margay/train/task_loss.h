#pragma once

#include <vector>

#include <torch/types.h>

#include "margay/data/item.h"

namespace margay::train {

/// The loss that fits the task: cross-entropy for one class of K, binary cross-entropy over every class where a
/// picture may be of several or of none (as fastai chooses by its blocks).
struct TaskLoss {
  data::Task task = data::Task::kSingleLabel;
  /// How much each class counts, or for multi-label its ones; empty: all alike.
  std::vector<double> class_weights = {};

  /// logits: float [N,K]; targets: int64 [N], or float [N,K]. Result: a scalar, what training minimises.
  /// Throws as margay/loss does.
  torch::Tensor mean(const torch::Tensor& logits, const torch::Tensor& targets) const;
  /// One loss for each picture, without weights, float [N]. For multi-label the mean over the classes.
  torch::Tensor of_each(const torch::Tensor& logits, const torch::Tensor& targets) const;
};

}  // namespace margay::train
