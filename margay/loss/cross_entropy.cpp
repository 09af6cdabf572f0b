#include "margay/loss/cross_entropy.h"

#include <torch/types.h>

#include "margay/loss/activation.h"
#include "margay/loss/nll_loss.h"
#include "margay/loss/shape_check.h"

namespace margay::loss {

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                            const CrossEntropyOptions& options) {
  check_logits("cross_entropy", logits);
  check_targets("cross_entropy", logits, targets);
  const bool is_half = logits.scalar_type() == torch::kHalf || logits.scalar_type() == torch::kBFloat16;
  const torch::Tensor precise = is_half ? logits.to(torch::kFloat) : logits;
  return reduce(pick(log_softmax(precise), targets).neg(), options.reduction);
}

}  // namespace margay::loss
