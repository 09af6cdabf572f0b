#include "margay/loss/activation.h"

#include <limits>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "margay/loss/input_check.h"
#include "margay/loss/nll_loss.h"

namespace margay::loss {
namespace {

void check_floating(const char* function, const torch::Tensor& z) {
  if (z.is_floating_point()) return;
  throw std::invalid_argument(
      fmt::format("[{}] activations must be floating, got {}", function, std::string(z.dtype().name())));
}

/// LibTorch 1.13 has no float16 on the CPU for most of these; other devices compute half types in float32 themselves.
torch::Tensor computable(const torch::Tensor& z) { return z.is_cpu() ? at_least_float(z) : z; }

}  // namespace

torch::Tensor sigmoid(const torch::Tensor& z) {
  check_floating("sigmoid", z);
  return torch::sigmoid(computable(z)).to(z.scalar_type());
}

torch::Tensor log_sigmoid(const torch::Tensor& z) {
  check_floating("log_sigmoid", z);
  return loss::softplus(computable(z).neg()).neg().to(z.scalar_type());
}

torch::Tensor softplus(const torch::Tensor& z) {
  check_floating("softplus", z);
  const double threshold = z.scalar_type() == torch::kDouble ? 700 : 80;  // exp of it is finite still
  return torch::softplus(computable(z), 1, threshold).to(z.scalar_type());
}

torch::Tensor softmax(const torch::Tensor& logits) {
  check_logits("softmax", logits);
  return torch::softmax(computable(logits), 1).to(logits.scalar_type());
}

torch::Tensor log_softmax(const torch::Tensor& logits) {
  check_logits("log_softmax", logits);
  return torch::log_softmax(computable(logits), 1).to(logits.scalar_type());
}

namespace {

double largest(const torch::Tensor& like) {
  if (like.scalar_type() == torch::kDouble) return std::numeric_limits<double>::max();
  return std::numeric_limits<float>::max();
}

}  // namespace

torch::Tensor focal_nll(const torch::Tensor& log_odds, double gamma) {
  torch::Tensor nll = loss::softplus(log_odds.neg());
  if (gamma == 0) return nll;
  // Beyond ±1000 the factor is 1 or the loss 0; clamp cuts off the 0 · ∞ that the chain rule would find there.
  return (loss::softplus(log_odds.clamp(-1000, 1000)) * -gamma).exp() * nll;
}

torch::Tensor target_log_odds(const KeptRows& rows) {
  // The target's place is filled with the lowest number and not with -∞: logsumexp of nothing but -∞ has gradient NaN.
  const double most = largest(rows.logits);
  const torch::Tensor others = rows.logits.scatter(1, rows.targets.unsqueeze(1), -most);
  // Relative to the largest other logit, as log Σ would lose its digits next to a large one.
  const torch::Tensor top = others.detach().amax(1, true).clamp(-most, most);
  return pick(rows.logits, rows.targets) - top.squeeze(1) - (others - top).logsumexp(1);
}

}  // namespace margay::loss
