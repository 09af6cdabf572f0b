#include "margay/loss/log_odds.h"

#include <limits>

#include "margay/loss/activation.h"
#include "margay/loss/nll_loss.h"

namespace margay::loss {
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
