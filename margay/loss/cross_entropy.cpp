#include "margay/loss/cross_entropy.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/cross_entropy_cpu.h"
#include "margay/loss/cross_entropy_formula.h"
#include "margay/loss/shape_check.h"

namespace margay::loss {
namespace {

void check(const char* function, const torch::Tensor& logits, const torch::Tensor& targets,
           const CrossEntropyOptions& options) {
  core::validate(options);
  check_logits(function, logits);
  check_class_weights(function, options.class_weights, logits.size(1));
  if (are_soft(targets)) {
    check_distributions(function, logits, targets);
  } else {
    check_indices(function, logits, targets, options.ignore_index);
  }
  if (options.logits_check == LogitsCheck::kRefuseProbabilities) check_not_probabilities(function, logits);
}

/// Gradients by the targets, and tensors of other devices, need LibTorch's operators.
bool is_for_kernels(const torch::Tensor& logits, const torch::Tensor& targets) {
  return logits.is_cpu() && targets.is_cpu() && !(targets.requires_grad() && torch::GradMode::is_enabled());
}

LossAndGradient by_formula(const torch::Tensor& logits, const torch::Tensor& targets,
                           const CrossEntropyOptions& options) {
  const torch::AutoGradMode grad_mode(true);
  const torch::Tensor z = logits.detach().requires_grad_();
  const torch::Tensor loss = cross_entropy_formula(z, targets, options);
  return {loss.detach(), torch::autograd::grad({loss.sum()}, {z})[0]};
}

}  // namespace

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                            const CrossEntropyOptions& options) {
  check("cross_entropy", logits, targets, options);
  if (is_for_kernels(logits, targets)) return cross_entropy_cpu(logits, targets, options);
  return cross_entropy_formula(logits, targets, options);
}

LossAndGradient cross_entropy_with_gradient(const torch::Tensor& logits, const torch::Tensor& targets,
                                            const CrossEntropyOptions& options) {
  check("cross_entropy_with_gradient", logits, targets, options);
  if (logits.is_cpu() && targets.is_cpu()) return cross_entropy_with_gradient_cpu(logits, targets.detach(), options);
  return by_formula(logits, targets.detach(), options);
}

}  // namespace margay::loss
