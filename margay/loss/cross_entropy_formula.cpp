#include "margay/loss/cross_entropy_formula.h"

#include "margay/loss/kept_rows.h"
#include "margay/loss/nll_loss.h"
#include "margay/loss/weighted.h"

namespace margay::loss {
namespace {

/// The losses of the rows, what each counts in the mean, and the total of its target distribution times its weights.
struct Rows {
  torch::Tensor losses;
  torch::Tensor counts;
  torch::Tensor totals;
};

/// Σ_k q_k (-log p_k).
torch::Tensor expected_nll(const torch::Tensor& q, const torch::Tensor& log_p) {
  return weighted(q, log_p).sum(1).neg();
}

Rows rows_of_indices(const torch::Tensor& log_p, const KeptRows& kept, const CrossEntropyOptions& options) {
  const double eps = options.label_smoothing;
  const torch::Tensor& weights = kept.weights;
  const torch::Tensor nll = weighted((1 - eps) * weights, pick(log_p, kept.targets).neg());
  if (eps == 0) return {nll, weights, weights};
  if (options.class_weighting == ClassWeighting::kPerExample || options.class_weights.empty()) {
    return {nll + weighted(eps * weights, log_p.mean(1).neg()), weights, weights};
  }
  const torch::Tensor spread = along_columns(options.class_weights, log_p) * (eps / static_cast<double>(log_p.size(1)));
  return {nll + weighted(kept.is_kept, expected_nll(spread, log_p)), weights,
          (1 - eps) * weights + kept.is_kept * spread.sum()};
}

Rows rows_of_distributions(const torch::Tensor& log_p, const torch::Tensor& targets,
                           const CrossEntropyOptions& options) {
  const double eps = options.label_smoothing;
  const torch::Tensor given = targets.to(log_p.scalar_type());
  const torch::Tensor q = eps == 0 ? given : given * (1 - eps) + eps / static_cast<double>(log_p.size(1));
  const torch::Tensor ones = torch::ones_like(q.select(1, 0));
  if (options.class_weights.empty()) return {expected_nll(q, log_p), ones, q.sum(1)};
  const torch::Tensor w = along_columns(options.class_weights, log_p);
  if (options.class_weighting == ClassWeighting::kPerClass) {
    return {expected_nll(w * q, log_p), ones, (w * q).sum(1)};
  }
  const torch::Tensor counts = (w * given).sum(1);
  return {weighted(counts, expected_nll(q, log_p)), counts, counts * q.sum(1)};
}

}  // namespace

torch::Tensor cross_entropy_formula(const torch::Tensor& logits, const torch::Tensor& targets,
                                    const CrossEntropyOptions& options) {
  KeptRows kept{.logits = at_least_float(logits)};
  if (!are_soft(targets)) kept = without_ignored(logits, targets, options.class_weights, options.ignore_index);
  const torch::Tensor z = options.temperature == 1 ? kept.logits : kept.logits / options.temperature;
  const torch::Tensor log_p = torch::log_softmax(z, 1);
  Rows rows =
      are_soft(targets) ? rows_of_distributions(log_p, targets, options) : rows_of_indices(log_p, kept, options);
  if (options.z_loss != 0) rows.losses = rows.losses + options.z_loss * rows.totals * z.logsumexp(1).square();
  return reduce_weighted(rows.losses, rows.counts, options.reduction, options.empty_mean);
}

}  // namespace margay::loss
