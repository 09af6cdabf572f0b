#include "margay/loss/nll_loss.h"

#include <torch/types.h>

#include "margay/loss/input_check.h"
#include "margay/loss/reduction.h"

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
  const torch::Tensor safe = y.masked_fill(ignored, 0);
  const torch::Tensor picked = pick(x, safe).masked_fill(ignored, 0);
  const torch::Tensor is_kept = ignored.logical_not().to(x.scalar_type());
  const torch::Tensor weights = example_weights(safe, is_kept, options.class_weights);
  return reduce_weighted(weighted(weights, picked.neg()), weights, options.reduction, options.empty_mean);
}

const core::OptionTable& NllLossOptions::fields() {
  using O = NllLossOptions;
  static const core::OptionTable table(
      "nll_loss", {core::field<&O::reduction>("reduction", "mean, sum or none"),
                   core::field<&O::class_weights>("class_weights", "one weight per class, not negative"),
                   core::field<&O::ignore_index>("ignore_index", "the target of rows that are ignored"),
                   core::field<&O::empty_mean>("empty_mean", "the mean when nothing counts: zero, or nan")});
  return table;
}

}  // namespace margay::loss
