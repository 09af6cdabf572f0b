#include "margay/loss/linear_rows.h"

#include <algorithm>
#include <vector>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/kept_rows.h"

namespace margay::loss {
namespace {

constexpr std::int64_t kFewestRows = 32;

torch::Tensor logits_of(const Linear& linear, std::int64_t begin, std::int64_t size) {
  const torch::Tensor rows = linear.features.narrow(0, begin, size);
  return linear.bias.defined() ? torch::addmm(linear.bias, rows, linear.weight.t()) : rows.mm(linear.weight.t());
}

std::int64_t rows_per_chunk(const Linear& linear, int chunk_mb) {
  const std::int64_t row_bytes = linear.weight.size(0) * static_cast<std::int64_t>(linear.weight.element_size());
  return std::max(kFewestRows, (std::int64_t{chunk_mb} << 20) / row_bytes);
}

/// Gradients as they grow chunk by chunk; undefined where not wanted.
class Gradients {
 public:
  Gradients(const Linear& linear, const std::array<bool, 3>& wanted) : linear_(linear) {
    if (wanted[0]) features_ = torch::empty_like(linear.features);
    if (wanted[1]) weight_ = at_least_float(torch::zeros_like(linear.weight));
    if (wanted[2]) bias_ = at_least_float(torch::zeros_like(linear.bias));
  }

  /// slope: the derivative by the logits of rows [begin, begin + size).
  void add(const torch::Tensor& slope, std::int64_t begin) {
    const std::int64_t size = slope.size(0);
    if (features_.defined()) {
      torch::Tensor rows = features_.narrow(0, begin, size);
      torch::mm_out(rows, slope, linear_.weight);
    }
    if (weight_.defined()) {
      const torch::Tensor rows = linear_.features.narrow(0, begin, size);
      if (weight_.scalar_type() == slope.scalar_type()) {
        weight_.addmm_(slope.t(), rows);
      } else {
        weight_.add_(slope.t().mm(rows));
      }
    }
    if (bias_.defined()) bias_.add_(slope.sum(0, false, bias_.scalar_type()));
  }

  std::array<torch::Tensor, 3> finished() const {
    std::array<torch::Tensor, 3> all{features_, weight_, bias_};
    const auto type = linear_.features.scalar_type();
    for (torch::Tensor& each : all) {
      if (each.defined()) each = each.to(type);
    }
    return all;
  }

 private:
  const Linear& linear_;
  torch::Tensor features_;
  torch::Tensor weight_;
  torch::Tensor bias_;
};

}  // namespace

LinearRows linear_rows(const Linear& linear, const torch::Tensor& targets, const LinearCrossEntropyOptions& options,
                       const GradientScale& scale, const std::array<bool, 3>& wanted) {
  const torch::NoGradGuard no_grad;
  CrossEntropyOptions chunk = options.cross_entropy;
  chunk.gradient_place = GradientPlace::kOverLogits;
  const bool wants_any = wanted[0] || wanted[1] || wanted[2];
  Gradients gradients(linear, wanted);
  std::vector<torch::Tensor> losses;
  const std::int64_t rows = linear.features.size(0);
  const std::int64_t step = rows_per_chunk(linear, options.chunk_mb);
  for (std::int64_t begin = 0; begin < rows; begin += step) {
    const std::int64_t size = std::min(step, rows - begin);
    const torch::Tensor logits = logits_of(linear, begin, size);
    const torch::Tensor y = targets.narrow(0, begin, size);
    if (!wants_any) {
      losses.push_back(row_losses(logits, y, chunk));
      continue;
    }
    GradientScale chunk_scale = scale;
    if (scale.rows.defined()) chunk_scale.rows = scale.rows.narrow(0, begin, size);
    const LossAndGradient both = row_losses_and_gradient(logits, y, chunk, chunk_scale);
    losses.push_back(both.loss);
    gradients.add(both.gradient, begin);
  }
  if (losses.empty()) losses.push_back(torch::zeros({0}, linear.features.options().dtype(torch::kDouble)));
  return {torch::cat(losses), gradients.finished()};
}

}  // namespace margay::loss
