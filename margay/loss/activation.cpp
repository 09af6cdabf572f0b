#include "margay/loss/activation.h"

#include <torch/types.h>

#include "margay/loss/shape_check.h"

namespace margay::loss {

torch::Tensor sigmoid(const torch::Tensor& z) { return torch::sigmoid(z); }

torch::Tensor softmax(const torch::Tensor& logits) {
  check_logits("softmax", logits);
  return torch::softmax(logits, 1);
}

torch::Tensor log_softmax(const torch::Tensor& logits) {
  check_logits("log_softmax", logits);
  return torch::log_softmax(logits, 1);
}

}  // namespace margay::loss
