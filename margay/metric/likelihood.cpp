#include "margay/metric/likelihood.h"

#include "margay/loss/binary_cross_entropy.h"
#include "margay/loss/cross_entropy.h"

namespace margay::metric {

torch::Tensor probabilities(const torch::Tensor& logits, Activation activation) {
  return activation == Activation::kSoftmax ? torch::softmax(logits, 1) : torch::sigmoid(logits);
}

torch::Tensor image_losses(const torch::Tensor& logits, const torch::Tensor& targets, Activation activation) {
  constexpr auto kNone = loss::Reduction::kNone;
  if (activation == Activation::kSoftmax) return loss::cross_entropy(logits, targets, {.reduction = kNone});
  return loss::binary_cross_entropy_with_logits(logits, targets, {.reduction = kNone}).mean(1);
}

}  // namespace margay::metric
