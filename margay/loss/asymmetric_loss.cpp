#include "margay/loss/asymmetric_loss.h"

#include "margay/loss/kept_rows.h"
#include "margay/loss/log_odds.h"
#include "margay/loss/shape_check.h"
#include "margay/loss/weighted.h"

namespace margay::loss {
namespace {

/// -p_m^γ log(1 - p_m), where 1 - p_m = σ(-z) + clip keeps its digits for p near 1.
torch::Tensor loss_of_zeros(const torch::Tensor& z, double gamma, double clip) {
  if (clip == 0) return focal_nll(-z, gamma);
  const torch::Tensor shifted = torch::sigmoid(z) - clip;
  const torch::Tensor dropped = shifted <= 0;
  torch::Tensor nll = (torch::sigmoid(-z) + clip).log().masked_fill(dropped, 0).neg();
  if (gamma == 0) return nll;
  return shifted.masked_fill(dropped, 1).pow(gamma) * nll;  // 1: the powers of 0 have infinite derivatives
}

}  // namespace

torch::Tensor asymmetric_loss(const torch::Tensor& logits, const torch::Tensor& targets,
                              const AsymmetricLossOptions& options) {
  core::validate(options);
  check_binary_targets("asymmetric_loss", logits, targets);
  const torch::Tensor z = at_least_float(logits);
  const torch::Tensor t = targets.to(z.scalar_type());
  const torch::Tensor losses =
      weighted(t, focal_nll(z, options.gamma_pos)) + weighted(1 - t, loss_of_zeros(z, options.gamma_neg, options.clip));
  return reduce(losses, options.reduction);
}

const core::OptionTable& AsymmetricLossOptions::fields() {
  using O = AsymmetricLossOptions;
  static const core::OptionTable table(
      "asymmetric_loss",
      {core::field<&O::gamma_pos>("gamma_pos", "how much less an easy 1 counts", {0, 100}),
       core::field<&O::gamma_neg>("gamma_neg", "how much less an easy 0 counts", {0, 100}),
       core::field<&O::clip>("clip", "a 0 predicted with at most this probability counts nothing", {0, 1}),
       core::field<&O::reduction>("reduction", "mean, sum or none")});
  return table;
}

}  // namespace margay::loss
