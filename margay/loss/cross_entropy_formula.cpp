#include "margay/loss/cross_entropy_formula.h"

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

torch::Tensor as_tensor(const std::vector<double>& values, const torch::Tensor& like) {
  return torch::tensor(values, torch::kDouble).to(like.options());
}

/// Shaped so that it broadcasts along the class dimension of `like`.
torch::Tensor along_classes(const std::vector<double>& values, const torch::Tensor& like) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
  shape[1] = static_cast<std::int64_t>(values.size());
  return as_tensor(values, like).view(shape);
}

/// Σ_k q_k (-log p_k).
torch::Tensor expected_nll(const torch::Tensor& q, const torch::Tensor& log_p) {
  return weighted(q, log_p).sum(1).neg();
}

Rows rows_of_indices(const torch::Tensor& log_p, const torch::Tensor& targets, const CrossEntropyOptions& options) {
  const double eps = options.label_smoothing;
  const torch::Tensor weights = example_weights(targets, options.class_weights, options.ignore_index, log_p);
  const torch::Tensor picked = pick(log_p, targets.masked_fill(targets == options.ignore_index, 0));
  const torch::Tensor nll = weighted((1 - eps) * weights, picked.neg());
  if (eps == 0) return {nll, weights, weights};
  if (options.class_weighting == ClassWeighting::kPerExample || options.class_weights.empty()) {
    return {nll + weighted(eps * weights, log_p.mean(1).neg()), weights, weights};
  }
  const torch::Tensor kept = (targets != options.ignore_index).to(log_p.scalar_type());
  const torch::Tensor spread = along_classes(options.class_weights, log_p) * (eps / static_cast<double>(log_p.size(1)));
  return {nll + weighted(kept, expected_nll(spread, log_p)), weights, (1 - eps) * weights + kept * spread.sum()};
}

Rows rows_of_distributions(const torch::Tensor& log_p, const torch::Tensor& targets,
                           const CrossEntropyOptions& options) {
  const double eps = options.label_smoothing;
  const torch::Tensor given = targets.to(log_p.scalar_type());
  const torch::Tensor q = eps == 0 ? given : given * (1 - eps) + eps / static_cast<double>(log_p.size(1));
  const torch::Tensor ones = torch::ones_like(q.select(1, 0));
  if (options.class_weights.empty()) return {expected_nll(q, log_p), ones, q.sum(1)};
  const torch::Tensor w = along_classes(options.class_weights, log_p);
  if (options.class_weighting == ClassWeighting::kPerClass) {
    return {expected_nll(w * q, log_p), ones, (w * q).sum(1)};
  }
  const torch::Tensor counts = (w * given).sum(1);
  return {weighted(counts, expected_nll(q, log_p)), counts, counts * q.sum(1)};
}

/// Rows of indices; ignored ones may hold anything, infinities and NaN too, and nothing of them may reach a sum or a
/// gradient.
torch::Tensor without_ignored(const torch::Tensor& logits, const torch::Tensor& targets, std::int64_t ignore_index) {
  return logits.masked_fill((targets == ignore_index).unsqueeze(1), 0);
}

}  // namespace

torch::Tensor at_least_float(const torch::Tensor& tensor) {
  const bool is_half = tensor.scalar_type() == torch::kHalf || tensor.scalar_type() == torch::kBFloat16;
  return is_half ? tensor.to(torch::kFloat) : tensor;
}

torch::Tensor example_weights(const torch::Tensor& targets, const std::vector<double>& class_weights,
                              std::int64_t ignore_index, const torch::Tensor& like) {
  torch::Tensor kept = (targets != ignore_index).to(like.scalar_type());
  if (class_weights.empty()) return kept;
  const torch::Tensor safe = targets.masked_fill(targets == ignore_index, 0);
  return as_tensor(class_weights, like).index_select(0, safe.flatten()).view(targets.sizes()) * kept;
}

torch::Tensor cross_entropy_formula(const torch::Tensor& logits, const torch::Tensor& targets,
                                    const CrossEntropyOptions& options) {
  const torch::Tensor y = are_soft(targets) ? targets : whole_indices(targets);
  const torch::Tensor precise = at_least_float(logits);
  const torch::Tensor clean = are_soft(targets) ? precise : without_ignored(precise, y, options.ignore_index);
  const torch::Tensor z = options.temperature == 1 ? clean : clean / options.temperature;
  const torch::Tensor log_p = torch::log_softmax(z, 1);
  Rows rows = are_soft(y) ? rows_of_distributions(log_p, y, options) : rows_of_indices(log_p, y, options);
  if (options.z_loss != 0) rows.losses = rows.losses + options.z_loss * rows.totals * z.logsumexp(1).square();
  return reduce_weighted(rows.losses, rows.counts, options.reduction, options.empty_mean);
}

}  // namespace margay::loss
