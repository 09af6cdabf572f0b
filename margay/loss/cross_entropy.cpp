#include "margay/loss/cross_entropy.h"

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/cross_entropy_formula.h"
#include "margay/loss/cross_entropy_node.h"
#include "margay/loss/cross_entropy_rows.h"
#include "margay/loss/probability_check.h"
#include "margay/loss/shape_check.h"

namespace margay::loss {
namespace {

void check(const char* function, const torch::Tensor& logits, const torch::Tensor& targets,
           const CrossEntropyOptions& options) {
  core::validate(options);
  check_logits(function, logits);
  check_targets(function, logits, targets, options);
  if (options.logits_check == LogitsCheck::kRefuseProbabilities) check_not_probabilities(function, logits);
}

/// Gradients by the targets, and tensors of other devices, need LibTorch's operators.
bool is_for_kernels(const torch::Tensor& logits, const torch::Tensor& targets) {
  return logits.is_cpu() && targets.is_cpu() && !(targets.requires_grad() && torch::GradMode::is_enabled());
}

}  // namespace

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                            const CrossEntropyOptions& options) {
  check("cross_entropy", logits, targets, options);
  if (!is_for_kernels(logits, targets)) return cross_entropy_formula(logits, targets, options);
  if (logits.requires_grad() && torch::GradMode::is_enabled()) return cross_entropy_in_graph(logits, targets, options);
  const double count = divisor(targets, logits.size(1), options);
  return reduce_rows(row_losses(logits, targets, options), count, options, logits.scalar_type());
}

LossAndGradient cross_entropy_with_gradient(const torch::Tensor& logits, const torch::Tensor& targets,
                                            const CrossEntropyOptions& options) {
  check("cross_entropy_with_gradient", logits, targets, options);
  const double count = divisor(targets, logits.size(1), options);
  const LossAndGradient rows = row_losses_and_gradient(logits, targets, options, scale_of_reduction(count));
  return {reduce_rows(rows.loss, count, options, logits.scalar_type()), rows.gradient};
}

}  // namespace margay::loss
