#include "margay/loss/cross_entropy.h"
#include "margay/loss/cross_entropy_options.h"

#include <stdexcept>

#include <fmt/format.h>
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

/// As the kernels need them: [N,K] contiguous, or [N,K,d1,…] with the classes last in memory.
bool classes_lie_side_by_side(const torch::Tensor& logits) { return logits.movedim(1, -1).is_contiguous(); }

/// Gradients by the targets, and tensors of other devices, need LibTorch's operators.
bool is_for_kernels(const torch::Tensor& logits, const torch::Tensor& targets) {
  return logits.is_cpu() && targets.is_cpu() && !(targets.requires_grad() && torch::GradMode::is_enabled());
}

/// The logits' memory can take the gradient only where that is computed along with the loss, and once and for all.
void check_can_overwrite(const torch::Tensor& logits, const torch::Tensor& targets,
                         const CrossEntropyOptions& options) {
  const char* problem = nullptr;
  if (!is_for_kernels(logits, targets)) problem = "tensors on the CPU and targets that require no gradient";
  if (options.reduction == Reduction::kNone) problem = "reduction mean or sum";
  if (logits.scalar_type() == torch::kHalf) problem = "another dtype than float16, whose gradient is scaled first";
  if (!classes_lie_side_by_side(logits)) problem = "contiguous logits [N,K]";
  if (problem != nullptr) {
    throw std::invalid_argument(fmt::format("[cross_entropy] gradient_place over_logits needs {}; use new", problem));
  }
}

}  // namespace

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                            const CrossEntropyOptions& options) {
  check("cross_entropy", logits, targets, options);
  const bool needs_graph = logits.requires_grad() && torch::GradMode::is_enabled();
  if (needs_graph && options.gradient_place == GradientPlace::kOverLogits)
    check_can_overwrite(logits, targets, options);
  if (!is_for_kernels(logits, targets)) return cross_entropy_formula(logits, targets, options);
  if (needs_graph) return cross_entropy_in_graph(logits, targets, options);
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

const core::OptionTable& CrossEntropyOptions::fields() {
  using O = CrossEntropyOptions;
  static const core::OptionTable table(
      "cross_entropy",
      {core::field<&O::reduction>("reduction", "mean, sum or none"),
       core::field<&O::class_weights>("class_weights", "one weight per class, not negative; empty: all 1"),
       core::field<&O::class_weighting>("class_weighting", "per_example, or per_class as PyTorch's"),
       core::field<&O::label_smoothing>("label_smoothing", "share of the target spread over all classes", {0, 1}),
       core::field<&O::ignore_index>("ignore_index", "a target that says: leave this one out"),
       core::field<&O::temperature>("temperature", "logits are divided by it", {1e-6, 1e6}),
       core::field<&O::z_loss>("z_loss", "factor of (log Σ exp z)², which keeps logits from drifting", {0, 1e6}),
       core::field<&O::empty_mean>("empty_mean", "the mean when nothing counts: zero, or nan as PyTorch's"),
       core::field<&O::gradient_place>("gradient_place", "new, or over_logits to save their memory"),
       core::field<&O::logits_check>("logits_check", "refuse_probabilities given as logits, or none")});
  return table;
}

}  // namespace margay::loss
