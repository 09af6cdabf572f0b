#pragma once

#include <functional>

#include <torch/types.h>

#include "margay/data/loader/batch.h"
#include "margay/train/task_loss.h"

namespace margay::train {

/// What a training pass minimises, where that takes more than the targets. logits: float [N,K] of the batch's images.
/// Result: a scalar.
using TrainingLoss = std::function<torch::Tensor(const torch::Tensor& logits, const data::Batch& batch)>;

/// The mean loss of the batch's targets.
inline TrainingLoss training_loss(TaskLoss loss) {
  return [loss = std::move(loss)](const torch::Tensor& logits, const data::Batch& batch) {
    return loss.mean(logits, batch.targets);
  };
}

}  // namespace margay::train
