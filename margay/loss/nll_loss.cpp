#include "margay/loss/nll_loss.h"

#include <torch/types.h>

#include "margay/loss/shape_check.h"

namespace margay::loss {

torch::Tensor pick(const torch::Tensor& scores, const torch::Tensor& targets) {
  return scores.gather(1, targets.to(torch::kLong).unsqueeze(1)).squeeze(1);
}

torch::Tensor nll_loss(const torch::Tensor& scores, const torch::Tensor& targets, Reduction reduction) {
  check_logits("nll_loss", scores);
  check_targets("nll_loss", scores, targets);
  return reduce(pick(scores, targets).neg(), reduction);
}

}  // namespace margay::loss
