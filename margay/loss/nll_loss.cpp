#include "margay/loss/nll_loss.h"

#include <torch/types.h>

#include "margay/loss/cross_entropy_formula.h"
#include "margay/loss/shape_check.h"
#include "margay/loss/weighted.h"

namespace margay::loss {

torch::Tensor pick(const torch::Tensor& scores, const torch::Tensor& targets) {
  return scores.gather(1, targets.to(torch::kLong).unsqueeze(1)).squeeze(1);
}

torch::Tensor nll_loss(const torch::Tensor& scores, const torch::Tensor& targets, const NllLossOptions& options) {
  core::validate(options);
  check_logits("nll_loss", scores);
  check_class_weights("nll_loss", options.class_weights, scores.size(1));
  check_indices("nll_loss", scores, targets, options.ignore_index);
  const torch::Tensor x = at_least_float(scores);
  const torch::Tensor y = whole_indices(targets);
  const torch::Tensor ignored = y == options.ignore_index;
  const torch::Tensor picked = pick(x, y.masked_fill(ignored, 0)).masked_fill(ignored, 0);
  const torch::Tensor weights = example_weights(y, options.class_weights, options.ignore_index, x);
  return reduce_weighted(weighted(weights, picked.neg()), weights, options.reduction, options.empty_mean);
}

}  // namespace margay::loss
