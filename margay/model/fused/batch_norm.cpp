#include "margay/model/fused/batch_norm.h"

#include <cstdint>
#include <utility>

#include <torch/utils.h>

#include "margay/model/fused/batch_norm_node.h"
#include "margay/model/fused/channel_passes.h"
#include "margay/model/fused/recorded.h"
#include "margay/model/fused/synced_batch_norm.h"

namespace margay::model {
namespace {

using fused::is_fusable;
using fused::kChannelsLast;
using fused::Kept;

bool is_residual_of(const torch::Tensor& residual, const torch::Tensor& x) {
  return !residual.defined() ||
         (is_fusable(residual) && residual.scalar_type() == x.scalar_type() && residual.sizes() == x.sizes());
}

bool are_numbers_of(const torch::Tensor& channels, const torch::Tensor& x) {
  return channels.defined() && channels.device().is_cpu() && channels.scalar_type() == torch::kFloat &&
         channels.is_contiguous() && channels.numel() == x.size(1);
}

bool can_fuse(const torch::Tensor& x, const torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& residual) {
  if (!is_fusable(x) || !is_residual_of(residual, x)) return false;
  for (const torch::Tensor& each : {norm.weight, norm.bias, norm.running_mean, norm.running_var}) {
    if (!are_numbers_of(each, x)) return false;
  }
  return !norm.is_training() || x.numel() > x.size(1);  // one value a channel is an error, which LibTorch's words say
}

bool needs_graph(const torch::Tensor& x, const torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& residual) {
  return torch::GradMode::is_enabled() &&
         (x.requires_grad() || norm.weight.requires_grad() || norm.bias.requires_grad() ||
          (residual.defined() && residual.requires_grad()));
}

torch::Tensor by_operators(const torch::Tensor& x, torch::nn::BatchNorm2d& norm, const torch::Tensor& residual,
                           Kept kept) {
  const bool is_synced = norm->is_training() && has_synced_norms();
  torch::Tensor y = is_synced ? synced_batch_norm(x, *norm) : norm->forward(x);
  if (residual.defined()) y.add_(residual);
  return kept == Kept::kPositive ? y.relu_() : y;
}

/// What is left where there is no norm.
torch::Tensor add_and_rectify(const torch::Tensor& x, const torch::Tensor& residual, Kept kept) {
  torch::Tensor y = residual.defined() ? x + residual : x;
  return kept == Kept::kPositive ? y.relu() : y;
}

torch::Tensor add_and_rectify_in_place(torch::Tensor x, const torch::Tensor& residual, Kept kept) {
  if (!residual.defined()) return kept == Kept::kPositive ? x.relu_() : x;
  const std::vector<float> ones(static_cast<std::size_t>(x.size(1)), 1.0F);
  const std::vector<float> zeros(ones.size(), 0.0F);
  fused::normalise(x, residual, {ones, zeros}, kept, x);
  return x;
}

fused::ChannelPair running_moments(const torch::nn::BatchNorm2dImpl& norm) {
  const auto values = [](const torch::Tensor& channels) {
    const auto* begin = channels.data_ptr<float>();
    return std::vector<double>(begin, begin + channels.numel());
  };
  return {values(norm.running_mean), values(norm.running_var)};
}

/// running = (1 - momentum) running + momentum · latest
void move_towards(const torch::Tensor& running, const std::vector<double>& latest, double momentum, double factor) {
  auto* values = running.data_ptr<float>();
  for (std::size_t c = 0; c < latest.size(); ++c) {
    values[c] = static_cast<float>((1 - momentum) * static_cast<double>(values[c]) + momentum * factor * latest[c]);
  }
  if (!running.is_inference()) running.unsafeGetTensorImpl()->bump_version();
}

/// As torch::nn::BatchNorm2d's forward: without momentum the mean of all batches.
void update_running_moments(torch::nn::BatchNorm2dImpl& norm, const fused::ChannelPair& moments, double n) {
  norm.num_batches_tracked += 1;
  const auto given = norm.options.momentum();
  const double momentum = given ? *given : 1.0 / static_cast<double>(norm.num_batches_tracked.item<std::int64_t>());
  move_towards(norm.running_mean, moments.first, momentum, 1);
  move_towards(norm.running_var, moments.second, momentum, n / (n - 1));  // unbiased
}

fused::NormNumbers numbers_of(const torch::Tensor& x, torch::nn::BatchNorm2dImpl& norm) {
  const torch::Tensor weight = norm.weight.detach();
  const torch::Tensor bias = norm.bias.detach();
  if (!norm.is_training()) return fused::norm_numbers(running_moments(norm), weight, bias, norm.options.eps());
  const fused::ChannelPair moments = fused::mean_and_variance(x);
  update_running_moments(norm, moments, static_cast<double>(x.numel() / x.size(1)));
  return fused::norm_numbers(moments, weight, bias, norm.options.eps());
}

torch::Tensor compute_norm(torch::Tensor x, bool may_overwrite, torch::nn::BatchNorm2d& norm,
                           const torch::Tensor& residual, Kept kept) {
  if (norm.is_empty()) {
    const bool is_simple = may_overwrite && is_fusable(x) && is_residual_of(residual, x);
    return is_simple ? add_and_rectify_in_place(std::move(x), residual, kept) : add_and_rectify(x, residual, kept);
  }
  if (norm->is_training() && has_synced_norms()) return by_operators(x, norm, residual, kept);
  const bool has_graph = needs_graph(x, *norm, residual);
  if (!can_fuse(x, *norm, residual) || (has_graph && !norm->is_training())) {
    return by_operators(x, norm, residual, kept);
  }
  const fused::NormNumbers numbers = numbers_of(x, *norm);
  if (has_graph) return fused::normalise_in_graph(x, norm->weight, norm->bias, residual, numbers, kept);
  const torch::Tensor y = may_overwrite ? x : torch::empty_like(x, x.options(), kChannelsLast);
  fused::normalise(x, residual, numbers.scaling(), kept, y);
  return y;
}

torch::Tensor observed(torch::Tensor x, torch::nn::BatchNorm2d& norm, const torch::Tensor& residual, Kept kept) {
  const bool has_norm = !norm.is_empty();
  const bool may_overwrite = fused::is_ours_alone(x) && !(has_norm && needs_graph(x, *norm, residual));
  const torch::Tensor weight = has_norm ? norm->weight : torch::Tensor();
  const torch::Tensor bias = has_norm ? norm->bias : torch::Tensor();
  return fused::recorded<4>("margay::batch_norm", {x, weight, bias, residual},
                            [&] { return compute_norm(std::move(x), may_overwrite, norm, residual, kept); });
}

}  // namespace

torch::Tensor batch_norm(torch::Tensor x, torch::nn::BatchNorm2d& norm) {
  return observed(std::move(x), norm, {}, Kept::kAll);
}

torch::Tensor batch_norm_relu(torch::Tensor x, torch::nn::BatchNorm2d& norm, const torch::Tensor& residual) {
  return observed(std::move(x), norm, residual, Kept::kPositive);
}

}  // namespace margay::model
