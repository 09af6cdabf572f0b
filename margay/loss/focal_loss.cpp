#include "margay/loss/focal_loss.h"

#include "margay/loss/activation.h"
#include "margay/loss/input_check.h"

namespace margay::loss {

torch::Tensor focal_loss(const torch::Tensor& logits, const torch::Tensor& targets, const FocalLossOptions& options) {
  core::validate(options);
  check_logits("focal_loss", logits);
  check_class_weights("focal_loss", options.class_weights, logits.size(1));
  check_indices("focal_loss", logits, targets, options.ignore_index);
  const KeptRows rows = without_ignored(logits, targets, options.class_weights, options.ignore_index);
  const torch::Tensor losses = weighted(rows.weights, focal_nll(target_log_odds(rows), options.gamma));
  return reduce_weighted(losses, rows.weights, options.reduction, options.empty_mean);
}

torch::Tensor binary_focal_loss(const torch::Tensor& logits, const torch::Tensor& targets,
                                const BinaryFocalLossOptions& options) {
  core::validate(options);
  check_binary_targets("binary_focal_loss", logits, targets);
  const torch::Tensor z = at_least_float(logits);
  const torch::Tensor t = targets.to(z.scalar_type());
  const torch::Tensor ones = options.alpha ? t * *options.alpha : t;
  const torch::Tensor zeros = options.alpha ? (1 - t) * (1 - *options.alpha) : 1 - t;
  const torch::Tensor losses =
      weighted(ones, focal_nll(z, options.gamma)) + weighted(zeros, focal_nll(-z, options.gamma));
  return reduce(losses, options.reduction);
}

const core::OptionTable& FocalLossOptions::fields() {
  using O = FocalLossOptions;
  static const core::OptionTable table(
      "focal_loss",
      {core::field<&O::gamma>("gamma", "how much less a sure and right prediction counts; 0: cross-entropy", {0, 100}),
       core::field<&O::class_weights>("class_weights", "one weight per class, not negative; empty: all 1"),
       core::field<&O::ignore_index>("ignore_index", "the target of rows that are ignored"),
       core::field<&O::reduction>("reduction", "mean, sum or none"),
       core::field<&O::empty_mean>("empty_mean", "the mean when nothing counts: zero, or nan")});
  return table;
}

const core::OptionTable& BinaryFocalLossOptions::fields() {
  using O = BinaryFocalLossOptions;
  static const core::OptionTable table(
      "binary_focal_loss",
      {core::field<&O::gamma>("gamma", "how much less a sure and right prediction counts", {0, 100}),
       core::field<&O::alpha>("alpha", "weight of ones; zeros weigh 1 - alpha; without it both weigh 1", {0, 1}),
       core::field<&O::reduction>("reduction", "mean, sum or none")});
  return table;
}

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
