#include "margay/loss/cross_entropy_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <torch/csrc/autograd/autograd.h>
#include <torch/utils.h>

#include "margay/loss/kernels/softmax_rows.h"
#include "margay/loss/nll_loss.h"
#include "margay/loss/reduction.h"

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

namespace {

/// Copies of strided logits, where no gradient is at hand to hold them, are made of so many elements at a time.
constexpr std::int64_t kSlab = std::int64_t{1} << 20;

/// Classes last: [N,d1,…,K].
torch::Tensor classes_last(const torch::Tensor& tensor) { return tensor.dim() == 2 ? tensor : tensor.movedim(1, -1); }
torch::Tensor classes_second(const torch::Tensor& tensor) { return tensor.dim() == 2 ? tensor : tensor.movedim(-1, 1); }

/// [R,K]; a copy only where the strides ask for it.
torch::Tensor as_rows(const torch::Tensor& last) {
  const torch::Tensor rows = last.contiguous();
  return rows.dim() == 2 ? rows : rows.view({-1, last.size(-1)});
}
torch::Tensor target_rows(const torch::Tensor& targets) {
  if (are_soft(targets)) return as_rows(classes_last(targets));
  return targets.dim() == 1 ? targets : targets.reshape({-1});
}

CrossEntropyOptions without_reduction(CrossEntropyOptions options) {
  options.reduction = Reduction::kNone;
  return options;
}

/// One loss for each row of `last`, to be filled in. The shape without K.
torch::Tensor empty_losses(const torch::Tensor& last) {
  return torch::empty(last.sizes().slice(0, static_cast<std::size_t>(last.dim() - 1)), torch::kDouble);
}

/// The gradient's memory, [R,K], and the logits as rows: strided ones are copied into it and overwritten.
struct Place {
  torch::Tensor logits;
  torch::Tensor gradient;
};

Place place_for_gradient(const torch::Tensor& last, GradientPlace wanted) {
  const std::int64_t classes = last.size(-1);
  if (last.is_contiguous()) {
    const torch::Tensor rows = last.dim() == 2 ? last : last.view({-1, classes});
    return {rows, wanted == GradientPlace::kOverLogits ? rows : torch::empty_like(rows)};
  }
  const torch::Tensor copy = torch::empty(last.sizes(), last.options()).copy_(last).view({-1, classes});
  return {copy, copy};
}

torch::Tensor losses_on_cpu(const torch::Tensor& last, const torch::Tensor& targets,
                            const CrossEntropyOptions& options) {
  torch::Tensor losses = empty_losses(last);
  if (losses.numel() == 0) return losses;
  if (last.is_contiguous()) {
    kernels::run({.logits = as_rows(last), .targets = targets, .losses = losses.data_ptr<double>()}, options);
    return losses;
  }
  const std::int64_t outer = last.size(0);
  const std::int64_t inner = losses.numel() / outer;
  const std::int64_t slab = std::max<std::int64_t>(1, kSlab / (inner * last.size(-1)));
  for (std::int64_t begin = 0; begin < outer; begin += slab) {
    const torch::Tensor rows = as_rows(last.narrow(0, begin, std::min(slab, outer - begin)));
    const std::int64_t first = begin * inner;
    kernels::run({.logits = rows,
                  .targets = targets.narrow(0, first, rows.size(0)),
                  .losses = losses.data_ptr<double>() + first},
                 options);
  }
  return losses;
}

LossAndGradient both_on_cpu(const torch::Tensor& logits, const torch::Tensor& targets,
                            const CrossEntropyOptions& options, const GradientScale& scale) {
  const torch::Tensor last = classes_last(logits);
  const Place place = place_for_gradient(last, options.gradient_place);
  const torch::Tensor losses = empty_losses(last);
  kernels::SoftmaxRows rows{.logits = place.logits,
                            .targets = target_rows(targets),
                            .gradient = place.gradient,
                            .losses = losses.data_ptr<double>(),
                            .scale = scale.factor};
  torch::Tensor row_scales;
  if (scale.rows.defined()) {
    row_scales = scale.rows.to(torch::kDouble).contiguous();
    rows.row_scales = row_scales.data_ptr<double>();
  }
  kernels::run(rows, options);
  // Whoever saved overwritten logits for its own backward finds out there.
  const bool is_overwritten = place.gradient.data_ptr() == logits.data_ptr();
  if (is_overwritten && !logits.is_inference()) logits.unsafeGetTensorImpl()->bump_version();
  return {losses, last.dim() == 2 ? place.gradient : classes_second(place.gradient.view(last.sizes()))};
}

LossAndGradient both_by_formula(const torch::Tensor& logits, const torch::Tensor& targets,
                                const CrossEntropyOptions& options, const GradientScale& scale) {
  const torch::AutoGradMode grad_mode(true);
  const torch::Tensor z = logits.detach().requires_grad_();
  const torch::Tensor losses = cross_entropy_formula(z, targets, without_reduction(options));
  torch::Tensor upstream = torch::full_like(losses, scale.factor);
  if (scale.rows.defined()) upstream = upstream * scale.rows.to(losses.options());
  return {losses.detach(), torch::autograd::grad({losses}, {z}, {upstream})[0]};
}

/// What a float32 holds of a number: infinity where it is too large, which LibTorch's conversion refuses.
double as_float(double value) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  return std::abs(value) > kLargest ? std::copysign(std::numeric_limits<double>::infinity(), value) : value;
}

bool are_on_cpu(const torch::Tensor& logits, const torch::Tensor& targets) {
  return logits.is_cpu() && targets.is_cpu();
}

}  // namespace

torch::Tensor row_losses(const torch::Tensor& logits, const torch::Tensor& targets,
                         const CrossEntropyOptions& options) {
  const torch::NoGradGuard no_grad;
  if (!are_on_cpu(logits, targets)) return cross_entropy_formula(logits, targets, without_reduction(options));
  return losses_on_cpu(classes_last(logits.resolve_neg()), target_rows(targets), options);
}

LossAndGradient row_losses_and_gradient(const torch::Tensor& logits, const torch::Tensor& targets,
                                        const CrossEntropyOptions& options, const GradientScale& scale) {
  const torch::NoGradGuard no_grad;
  if (!are_on_cpu(logits, targets)) return both_by_formula(logits, targets, options, scale);
  return both_on_cpu(logits.detach().resolve_neg(), targets, options, scale);
}

double divisor(const torch::Tensor& targets, std::int64_t num_classes, const CrossEntropyOptions& options) {
  const torch::NoGradGuard no_grad;
  if (options.reduction != Reduction::kMean) return 1;
  const bool counts_examples = options.class_weights.empty() || options.class_weighting == ClassWeighting::kPerClass;
  if (are_soft(targets) && counts_examples) {
    return static_cast<double>(targets.numel()) / static_cast<double>(num_classes);
  }
  return kernels::total_count(target_rows(targets).cpu(), num_classes, options);
}

GradientScale scale_of_reduction(double divisor) { return {.factor = divisor == 0 ? 0 : 1 / divisor}; }

GradientScale scale_of_upstream(const torch::Tensor& upstream, double divisor) {
  GradientScale scale = scale_of_reduction(divisor);
  if (upstream.dim() == 0) {
    scale.factor *= upstream.item<double>();
  } else {
    scale.rows = upstream;
  }
  return scale;
}

torch::Tensor reduce_rows(const torch::Tensor& losses, double divisor, const CrossEntropyOptions& options,
                          torch::ScalarType logits_type) {
  const auto type = logits_type == torch::kDouble ? torch::kDouble : torch::kFloat;
  if (options.reduction == Reduction::kNone) return losses.to(type);
  if (divisor == 0 && options.empty_mean == EmptyMean::kZero) return torch::zeros({}, losses.options().dtype(type));
  if (!losses.is_cpu()) return (losses.sum() / divisor).to(type);
  const auto* values = losses.data_ptr<double>();
  const double value = std::accumulate(values, values + losses.numel(), 0.0) / divisor;
  return torch::scalar_tensor(type == torch::kFloat ? as_float(value) : value, type);
}

}  // namespace margay::loss
