#include "margay/loss/poly1_cross_entropy.h"

#include "margay/loss/activation.h"
#include "margay/loss/input_check.h"
#include "margay/loss/reduction.h"

namespace margay::loss {
namespace {

/// -log p_k + ε (1 - p_k) in the mean over the classes; the mean of 1 - p_k is (K - 1) / K.
torch::Tensor mean_over_classes(const torch::Tensor& logits, double epsilon) {
  const auto classes = static_cast<double>(logits.size(1));
  return log_softmax(logits).mean(1).neg() + epsilon * (classes - 1) / classes;
}

torch::Tensor poly1(const KeptRows& rows, double epsilon, double smoothing) {
  const torch::Tensor against = target_log_odds(rows).neg();  // log((1 - p_y) / p_y)
  torch::Tensor of_target = loss::softplus(against) + epsilon * torch::sigmoid(against);
  if (smoothing == 0) return of_target;
  return (1 - smoothing) * of_target + smoothing * mean_over_classes(rows.logits, epsilon);
}

}  // namespace

torch::Tensor poly1_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                  const Poly1CrossEntropyOptions& options) {
  core::validate(options);
  check_logits("poly1_cross_entropy", logits);
  check_class_weights("poly1_cross_entropy", options.class_weights, logits.size(1));
  check_indices("poly1_cross_entropy", logits, targets, options.ignore_index);
  const KeptRows rows = without_ignored(logits, targets, options.class_weights, options.ignore_index);
  const torch::Tensor losses = weighted(rows.weights, poly1(rows, options.epsilon, options.label_smoothing));
  return reduce_weighted(losses, rows.weights, options.reduction, options.empty_mean);
}

const core::OptionTable& Poly1CrossEntropyOptions::fields() {
  using O = Poly1CrossEntropyOptions;
  static const core::OptionTable table(
      "poly1_cross_entropy",
      {core::field<&O::epsilon>("epsilon", "what is added to the first coefficient; 0: cross-entropy", {-1, 1e6}),
       core::field<&O::reduction>("reduction", "mean, sum or none"),
       core::field<&O::class_weights>("class_weights", "one weight per class, not negative; empty: all 1"),
       core::field<&O::label_smoothing>("label_smoothing", "share of the target spread over all classes", {0, 1}),
       core::field<&O::ignore_index>("ignore_index", "the target of rows that are ignored"),
       core::field<&O::empty_mean>("empty_mean", "the mean when nothing counts: zero, or nan")});
  return table;
}

}  // namespace margay::loss
