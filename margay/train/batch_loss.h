#pragma once

#include <functional>
#include <string>

#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/data/loader/batch.h"
#include "margay/train/training_loss.h"

namespace margay::train {

/// Training ran into non-finite numbers. The weights are still those from before the step.
class DivergedError : public core::Error {
 public:
  using core::Error::Error;
};

/// The mean loss of a batch. logits: float [N,K]. Throws core::DataError naming the image whose target is no class.
torch::Tensor batch_loss(const TrainingLoss& loss, const torch::Tensor& logits, const data::Batch& batch,
                         const data::Dataset& dataset);

/// Throws DivergedError unless the loss is finite: says at which step, and names the images whose logits are not.
/// `when` is put into the message, as "step 3 of epoch 1"; and what `find_layer` returns, the layer where the network
/// went wrong, which is only asked for when its outputs are not finite. It may be empty.
void check_finite(double loss, const torch::Tensor& logits, const data::Batch& batch, const data::Dataset& dataset,
                  const std::string& when, const std::function<std::string()>& find_layer = {});

/// Throws DivergedError unless the norm of the gradients is finite: a finite loss may still have gradients that are
/// not, and a step along them would ruin every weight. Names the batch's images.
void check_gradients(double norm, const data::Batch& batch, const data::Dataset& dataset, const std::string& when);

}  // namespace margay::train
