#include "margay/loss/mnist_loss.h"

#include "margay/loss/kept_rows.h"
#include "margay/loss/reduction.h"
#include "margay/loss/shape_check.h"

namespace margay::loss {

torch::Tensor mnist_loss(const torch::Tensor& logits, const torch::Tensor& targets) {
  check_binary_targets("mnist_loss", logits, targets);
  const torch::Tensor z = at_least_float(logits);
  return reduce(torch::sigmoid(torch::where(targets == 1, -z, z)), Reduction::kMean);  // 1 - σ(z) = σ(-z)
}

}  // namespace margay::loss
