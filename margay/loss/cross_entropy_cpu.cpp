#include "margay/loss/cross_entropy_cpu.h"

#include <limits>
#include <numeric>
#include <vector>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/cross_entropy_formula.h"
#include "margay/loss/cross_entropy_node.h"
#include "margay/loss/kernels/softmax_rows.h"

namespace margay::loss {
namespace {

/// Copies of strided logits, where no gradient is at hand to hold them, are made of so many elements at a time.
constexpr std::int64_t kSlab = std::int64_t{1} << 20;

/// Classes last: [N,d1,…,K].
torch::Tensor classes_last(const torch::Tensor& tensor) { return tensor.dim() == 2 ? tensor : tensor.movedim(1, -1); }
torch::Tensor classes_second(const torch::Tensor& tensor) { return tensor.dim() == 2 ? tensor : tensor.movedim(-1, 1); }

/// [R,K]; a copy only where the strides ask for it.
torch::Tensor as_rows(const torch::Tensor& last) { return last.contiguous().view({-1, last.size(-1)}); }
torch::Tensor target_rows(const torch::Tensor& targets) {
  return are_soft(targets) ? as_rows(classes_last(targets)) : targets.reshape({-1});
}

torch::ScalarType loss_type(const torch::Tensor& logits) {
  return logits.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat;
}

/// What the gradient of the reduced loss is multiplied by.
double reduction_scale(double count, Reduction reduction) {
  if (reduction != Reduction::kMean) return 1;
  return count == 0 ? 0 : 1 / count;
}

double mean_count(const torch::Tensor& targets, std::int64_t classes, const CrossEntropyOptions& options) {
  return options.reduction == Reduction::kMean ? kernels::total_count(targets, classes, options) : 1;
}

torch::Tensor reduced(const std::vector<double>& losses, const torch::Tensor& last, double count,
                      const CrossEntropyOptions& options) {
  const auto type = torch::TensorOptions().dtype(loss_type(last));
  if (options.reduction == Reduction::kNone) {
    const auto shape = last.sizes().slice(0, static_cast<std::size_t>(last.dim() - 1));
    return torch::tensor(losses, torch::kDouble).to(type).view(shape);
  }
  const double sum = std::accumulate(losses.begin(), losses.end(), 0.0);
  if (options.reduction == Reduction::kSum) return torch::full({}, sum, type);
  if (count != 0) return torch::full({}, sum / count, type);
  return torch::full({}, options.empty_mean == EmptyMean::kZero ? 0 : std::numeric_limits<double>::quiet_NaN(), type);
}

/// Losses without a gradient; strided logits are copied slab by slab.
torch::Tensor loss_only(const torch::Tensor& last, const torch::Tensor& targets, const CrossEntropyOptions& options) {
  const std::int64_t classes = last.size(-1);
  const double count = mean_count(targets, classes, options);
  std::vector<double> losses(static_cast<std::size_t>(last.numel() / classes));
  const std::int64_t outer = last.size(0);
  const std::int64_t inner = outer == 0 ? 1 : last.numel() / outer;
  const std::int64_t step =
      last.is_contiguous() ? outer : std::max<std::int64_t>(1, kSlab / std::max<std::int64_t>(1, inner));
  for (std::int64_t begin = 0; begin < outer; begin += step) {
    const std::int64_t size = std::min(step, outer - begin);
    const torch::Tensor rows = as_rows(last.narrow(0, begin, size));
    const std::int64_t first = begin * inner / classes;
    kernels::run({.logits = rows, .targets = targets.narrow(0, first, rows.size(0)), .losses = losses.data() + first},
                 options);
  }
  return reduced(losses, last, count, options);
}

/// The gradient's memory, [R,K], and the logits as rows: strided ones are copied into it and overwritten.
struct Place {
  torch::Tensor logits;
  torch::Tensor gradient;
};

Place place_for_gradient(const torch::Tensor& last, GradientPlace wanted) {
  const std::int64_t classes = last.size(-1);
  if (last.is_contiguous()) {
    const torch::Tensor rows = last.view({-1, classes});
    return {rows, wanted == GradientPlace::kOverLogits ? rows : torch::empty_like(rows)};
  }
  const torch::Tensor copy = torch::empty(last.sizes(), last.options()).copy_(last).view({-1, classes});
  return {copy, copy};
}

torch::Tensor shaped_as(const torch::Tensor& rows, const torch::Tensor& last) {
  return classes_second(rows.view(last.sizes()));
}

}  // namespace

LossAndGradient cross_entropy_with_gradient_cpu(const torch::Tensor& logits, const torch::Tensor& targets,
                                                const CrossEntropyOptions& options) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor last = classes_last(logits);
  const torch::Tensor rows_of_targets = target_rows(targets);
  const double count = mean_count(rows_of_targets, last.size(-1), options);
  const Place place = place_for_gradient(last, options.gradient_place);
  std::vector<double> losses(static_cast<std::size_t>(place.logits.size(0)));
  kernels::run({.logits = place.logits,
                .targets = rows_of_targets,
                .gradient = place.gradient,
                .losses = losses.data(),
                .scale = reduction_scale(count, options.reduction)},
               options);
  return {reduced(losses, last, count, options), shaped_as(place.gradient, last)};
}

torch::Tensor cross_entropy_gradient_cpu(const torch::Tensor& logits, const torch::Tensor& targets,
                                         const CrossEntropyOptions& options, const torch::Tensor& upstream) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor last = classes_last(logits);
  const torch::Tensor rows_of_targets = target_rows(targets);
  const double count = mean_count(rows_of_targets, last.size(-1), options);
  const Place place = place_for_gradient(last, GradientPlace::kNew);
  kernels::SoftmaxRows rows{.logits = place.logits,
                            .targets = rows_of_targets,
                            .gradient = place.gradient,
                            .scale = reduction_scale(count, options.reduction)};
  torch::Tensor row_scales;
  if (options.reduction == Reduction::kNone) {
    row_scales = upstream.to(torch::kDouble).contiguous();
    rows.row_scales = row_scales.data_ptr<double>();
  } else {
    rows.scale *= upstream.item<double>();
  }
  kernels::run(rows, options);
  return shaped_as(place.gradient, last);
}

torch::Tensor cross_entropy_cpu(const torch::Tensor& logits, const torch::Tensor& targets,
                                const CrossEntropyOptions& options) {
  if (logits.requires_grad() && torch::GradMode::is_enabled()) return cross_entropy_in_graph(logits, targets, options);
  const torch::NoGradGuard no_grad;
  return loss_only(classes_last(logits), target_rows(targets), options);
}

}  // namespace margay::loss
