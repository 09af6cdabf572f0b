#include "margay/train/precision/gradients.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/utils.h>

#include "margay/train/learner.h"

namespace margay::train {
namespace {

/// In float64; eight sums side by side, for vector instructions.
double sum_of_squares(const float* values, std::int64_t n) {
  constexpr std::int64_t kLanes = 8;
  std::array<double, kLanes> sums{};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      sums[static_cast<std::size_t>(lane)] += value * value;
    }
  }
  for (; i < n; ++i) sums[0] += static_cast<double>(values[i]) * values[i];
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

/// Chunk by chunk, however many threads there are. The tensor: plain float.
double sum_of_squares(const torch::Tensor& tensor) {
  const float* const values = tensor.data_ptr<float>();
  const std::int64_t n = tensor.numel();
  const std::int64_t chunks = (n + kThreadGrain - 1) / kThreadGrain;
  std::vector<double> sums(static_cast<std::size_t>(chunks));
  at::parallel_for(0, chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      sums[static_cast<std::size_t>(i)] =
          sum_of_squares(values + i * kThreadGrain, std::min(kThreadGrain, n - i * kThreadGrain));
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

/// With LibTorch's operators, whose result is waited for once. In float32: the squares of half precision would overflow
/// beyond 65504.
double operators_sum_of_squares(std::vector<torch::Tensor> tensors) {
  std::transform(tensors.begin(), tensors.end(), tensors.begin(), at_least_float);
  std::vector<torch::Tensor> norms = at::_foreach_norm(tensors, 2);
  for (torch::Tensor& norm : norms) norm = norm.to(torch::kDouble);
  return torch::stack(norms).square().sum().item<double>();
}

void check_positive(const char* function, const char* name, double value) {
  if (value > 0) return;
  throw std::invalid_argument(fmt::format("[{}] {} must be positive, got {}", function, name, value));
}

/// The largest number of the type that the tensor holds.
double largest_of(const torch::Tensor& tensor) {
  constexpr double kHalfMax = 65504;
  return tensor.scalar_type() == torch::kHalf ? kHalfMax : std::numeric_limits<float>::max();
}

}  // namespace

std::vector<torch::Tensor> gradients_of(const torch::nn::Module& module) {
  std::vector<torch::Tensor> gradients;
  for (const torch::Tensor& parameter : module.parameters()) {
    if (parameter.requires_grad() && parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  return gradients;
}

double global_norm(const std::vector<torch::Tensor>& gradients) {
  const torch::NoGradGuard no_grad;
  double sum = 0;
  std::vector<torch::Tensor> others;
  for (const torch::Tensor& gradient : gradients) {
    if (is_plain_float(gradient)) {
      sum += sum_of_squares(gradient);
    } else {
      others.push_back(gradient);
    }
  }
  if (!others.empty()) sum += operators_sum_of_squares(std::move(others));
  return std::sqrt(sum);
}

double clip_by_norm(const std::vector<torch::Tensor>& gradients, double max_norm) {
  constexpr double kEps = 1e-6;  // torch.nn.utils'
  check_positive("clip_by_norm", "max_norm", max_norm);
  const double norm = global_norm(gradients);
  const double factor = max_norm / (norm + kEps);
  if (!std::isfinite(norm) || factor >= 1) return norm;
  const torch::NoGradGuard no_grad;
  at::_foreach_mul_(gradients, factor);
  return norm;
}

void clip_by_value(const std::vector<torch::Tensor>& gradients, double limit) {
  check_positive("clip_by_value", "limit", limit);
  const torch::NoGradGuard no_grad;
  for (torch::Tensor gradient : gradients) {
    const double bound = std::min(limit, largest_of(gradient));
    if (is_narrow(gradient)) {  // which CPUs cannot clamp
      gradient.copy_(gradient.to(torch::kFloat).clamp_(-bound, bound));
    } else {
      gradient.clamp_(-bound, bound);
    }
  }
}

namespace {

double checked_max_norm(const char* name, double bound) {
  if (bound > 0) return bound;
  throw std::invalid_argument(fmt::format("[{}] the bound must be positive, got {}", name, bound));
}

}  // namespace

ClipGradientNorm::ClipGradientNorm(double max_norm)
    : max_norm_(checked_max_norm("ClipGradientNorm", max_norm)), norm_(std::numeric_limits<double>::quiet_NaN()) {}

void ClipGradientNorm::before_step(Learner& learner, const Progress& /*at*/) {
  norm_ = clip_by_norm(gradients_of(learner.classifier()), max_norm_);
  if (norm_ > max_norm_) ++clipped_steps_;
}

ClipGradientValue::ClipGradientValue(double limit) : limit_(checked_max_norm("ClipGradientValue", limit)) {}

void ClipGradientValue::before_step(Learner& learner, const Progress& /*at*/) {
  clip_by_value(gradients_of(learner.classifier()), limit_);
}

}  // namespace margay::train
