#include "margay/model/fused/batch_norm.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/precision.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/simd_targets.h"

namespace margay::model {
namespace {

using testing_support::expect_near;
using testing_support::for_each_simd_target;

constexpr auto kNormChannelsLast = torch::MemoryFormat::ChannelsLast;
constexpr double kFloatTolerance = 1e-5;
constexpr double kBfloat16Tolerance = 1.6e-2;  // two roundings of 8 bits; LibTorch rounds between its operators, too

/// What is done with a norm's result.
struct Use {
  bool rectified = true;
  bool with_residual = false;
};

/// All that one forward and backward pass leave behind.
struct Outcome {
  torch::Tensor y;
  torch::Tensor x_gradient, weight_gradient, bias_gradient, residual_gradient;
  torch::Tensor running_mean, running_var, batches;

  std::vector<torch::Tensor> tensors() const {
    std::vector<torch::Tensor> all{y, x_gradient, weight_gradient, bias_gradient, running_mean, running_var, batches};
    if (residual_gradient.defined()) all.push_back(residual_gradient);
    return all;
  }
};

torch::nn::BatchNorm2d norm_of(std::int64_t channels) {
  torch::manual_seed(3);
  torch::nn::BatchNorm2d norm(channels);
  const torch::NoGradGuard no_grad;
  norm->weight.uniform_(-1, 2);
  norm->bias.normal_();
  norm->running_mean.normal_();
  norm->running_var.uniform_(0.5, 2);
  return norm;
}

torch::Tensor values(std::vector<std::int64_t> shape, torch::ScalarType type, std::uint64_t seed) {
  torch::manual_seed(seed);
  return torch::randn(shape).mul_(2).add_(0.5).to(type).contiguous(kNormChannelsLast);
}

torch::Tensor by_operators(const torch::Tensor& x, torch::nn::BatchNorm2d& norm, const torch::Tensor& residual,
                           Use use) {
  torch::Tensor y = norm(x);
  if (residual.defined()) y = y + residual;
  return use.rectified ? y.relu() : y;
}

torch::Tensor fused(const torch::Tensor& x, torch::nn::BatchNorm2d& norm, const torch::Tensor& residual, Use use) {
  return use.rectified ? batch_norm_relu(x, norm, residual) : batch_norm(x, norm);
}

template <class Forward>
Outcome outcome(const Forward& forward, torch::nn::BatchNorm2d norm, const std::vector<std::int64_t>& shape,
                torch::ScalarType type, Use use) {
  const torch::Tensor x = values(shape, type, 1).requires_grad_();
  const torch::Tensor residual = use.with_residual ? values(shape, type, 2).requires_grad_() : torch::Tensor();
  const torch::Tensor y = forward(x, norm, residual, use);
  y.backward(values(shape, type, 4));
  return {.y = y.detach(),
          .x_gradient = x.grad(),
          .weight_gradient = norm->weight.grad(),
          .bias_gradient = norm->bias.grad(),
          .residual_gradient = use.with_residual ? residual.grad() : torch::Tensor(),
          .running_mean = norm->running_mean,
          .running_var = norm->running_var,
          .batches = norm->num_batches_tracked};
}

/// The truth: LibTorch's operators in float64 on the same numbers.
Outcome expected_outcome(const std::vector<std::int64_t>& shape, torch::ScalarType type, Use use) {
  torch::nn::BatchNorm2d norm = norm_of(shape[1]);
  norm->to(torch::kDouble);
  return outcome(
      [&](const torch::Tensor& x, torch::nn::BatchNorm2d& wide, const torch::Tensor& residual, Use same) {
        const torch::Tensor added = residual.defined() ? residual.to(torch::kDouble) : residual;
        return by_operators(x.to(torch::kDouble), wide, added, same).to(type);
      },
      norm, shape, type, use);
}

/// Elements whose value before ReLU is about 0 fall on either side of it, and their gradients with them.
void expect_mostly_near(const torch::Tensor& actual, const torch::Tensor& expected, double tolerance) {
  const torch::Tensor distance = (actual - expected).to(torch::kDouble).abs();
  const double allowed = tolerance * (1 + expected.to(torch::kDouble).abs().max().item<double>());
  const auto far = (distance > allowed).sum().item<std::int64_t>();
  EXPECT_LE(far, actual.numel() / 500) << "of " << actual.numel();
}

void expect_operators_outcome(const std::vector<std::int64_t>& shape, torch::ScalarType type, Use use) {
  SCOPED_TRACE(testing::Message() << torch::IntArrayRef(shape) << " " << type << " rectified " << use.rectified
                                  << " residual " << use.with_residual);
  const double tolerance = type == torch::kFloat ? kFloatTolerance : kBfloat16Tolerance;
  const Outcome expected = expected_outcome(shape, type, use);
  const Outcome actual = outcome(fused, norm_of(shape[1]), shape, type, use);
  EXPECT_EQ(actual.y.scalar_type(), type);
  EXPECT_EQ(actual.x_gradient.scalar_type(), type);
  EXPECT_TRUE(actual.y.is_contiguous(kNormChannelsLast));
  expect_near(actual.y, expected.y, tolerance);
  expect_near(actual.running_mean, expected.running_mean, kFloatTolerance);
  expect_near(actual.running_var, expected.running_var, kFloatTolerance);
  EXPECT_EQ(actual.batches.item<std::int64_t>(), 1);
  expect_mostly_near(actual.x_gradient, expected.x_gradient, tolerance);
  expect_near(actual.weight_gradient, expected.weight_gradient, tolerance);
  expect_near(actual.bias_gradient, expected.bias_gradient, tolerance);
  if (use.with_residual) expect_mostly_near(actual.residual_gradient, expected.residual_gradient, tolerance);
}

constexpr Use kUses[] = {{.rectified = false}, {}, {.with_residual = true}};

TEST(FusedBatchNorm, ComputesWhatTheOperatorsDo) {
  for_each_simd_target([] {
    for (const auto type : {torch::kFloat, torch::kBFloat16}) {
      for (const Use use : kUses) expect_operators_outcome({4, 32, 9, 7}, type, use);
    }
  });
}

TEST(FusedBatchNorm, TakesAnyNumberOfChannels) {
  for (const std::int64_t channels : {1, 3, 8, 17, 24, 130}) {
    for (const Use use : kUses) {
      expect_operators_outcome({3, channels, 5, 5}, torch::kFloat, use);
      expect_operators_outcome({3, channels, 5, 5}, torch::kBFloat16, use);
    }
  }
}

TEST(FusedBatchNorm, TakesAsFewPixelsAsTwo) {
  expect_operators_outcome({2, 5, 1, 1}, torch::kFloat, {.rectified = false});
  expect_operators_outcome({1, 300, 2, 1}, torch::kFloat, {.rectified = false});
}

TEST(FusedBatchNorm, SharesManyPixelsAmongThreads) {
  for (const Use use : kUses) expect_operators_outcome({8, 48, 40, 40}, torch::kFloat, use);
}

TEST(FusedBatchNorm, GivesTheSameBitsForAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  for (const Use use : kUses) {
    const auto run = [&] { return outcome(fused, norm_of(24), {8, 24, 40, 40}, torch::kBFloat16, use).tensors(); };
    const auto first = run();
    at::set_num_threads(threads + 2);
    const auto second = run();
    at::set_num_threads(threads);
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(first[i].equal(second[i])) << i;
  }
}

TEST(FusedBatchNorm, LosesNothingWhereMeansAreFarFromZero) {
  torch::nn::BatchNorm2d norm(2);
  const torch::Tensor noise = values({4, 2, 16, 16}, torch::kFloat, 1);
  const torch::Tensor x = (noise + 4096).contiguous(kNormChannelsLast);
  const torch::Tensor wide = x.to(torch::kDouble);
  const torch::Tensor variance = wide.var({0, 2, 3}, /*unbiased=*/true);
  batch_norm(x, norm);
  expect_near(norm->running_var, (variance * 0.1 + 0.9).to(torch::kFloat), 1e-6);
}

/// Central differences in float: the step is large, and so are the numbers of elements away from ReLU's kink.
TEST(FusedBatchNorm, HasTheGradientOfCentralDifferences) {
  constexpr double kStep = 1e-2;
  torch::nn::BatchNorm2d norm = norm_of(5);
  const torch::Tensor residual = values({2, 5, 3, 3}, torch::kFloat, 2);
  const torch::Tensor direction = values({2, 5, 3, 3}, torch::kFloat, 7);
  const auto projected = [&](const torch::Tensor& x) {
    return (batch_norm_relu(x, norm, residual) * direction).to(torch::kDouble).sum();
  };
  torch::Tensor x = values({2, 5, 3, 3}, torch::kFloat, 1).requires_grad_();
  projected(x).backward();
  const torch::NoGradGuard no_grad;
  int far = 0;
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const auto moved = [&](double by) {
      torch::Tensor copy = x.detach().clone(torch::MemoryFormat::Preserve);
      copy.data_ptr<float>()[i] += static_cast<float>(by);
      return projected(copy).item<double>();
    };
    const double slope = (moved(kStep) - moved(-kStep)) / (2 * kStep);
    far += std::abs(slope - static_cast<double>(x.grad().data_ptr<float>()[i])) > 5e-3 ? 1 : 0;
  }
  EXPECT_LE(far, 4) << "of " << x.numel() << "; those at a kink";
}

TEST(FusedBatchNorm, HasTheOperatorsGradientsOfGradients) {
  for (const Use use : kUses) {
    const auto second_gradients = [&](const auto& forward) {
      torch::nn::BatchNorm2d norm = norm_of(4);
      const torch::Tensor x = values({2, 4, 3, 3}, torch::kFloat, 1).requires_grad_();
      const torch::Tensor residual = use.with_residual ? values({2, 4, 3, 3}, torch::kFloat, 2) : torch::Tensor();
      const torch::Tensor loss = forward(x, norm, residual, use).pow(3).sum();
      const auto first = torch::autograd::grad({loss}, {x, norm->weight}, {}, /*retain_graph=*/true,
                                               /*create_graph=*/true);
      const torch::Tensor penalty = first[0].square().sum() + first[1].square().sum();
      return torch::autograd::grad({penalty}, {x, norm->weight});
    };
    const auto expected = second_gradients(by_operators);
    const auto actual = second_gradients(fused);
    for (std::size_t i = 0; i < expected.size(); ++i) expect_near(actual[i], expected[i], 1e-3);
  }
}

TEST(FusedBatchNorm, UsesRunningStatisticsInEvalMode) {
  for (const auto type : {torch::kFloat, torch::kBFloat16}) {
    for (const bool with_graph : {false, true}) {
      const torch::AutoGradMode mode(with_graph);
      torch::nn::BatchNorm2d norm = norm_of(9);
      norm->eval();
      const torch::Tensor x = values({2, 9, 4, 4}, type, 1);
      const torch::Tensor residual = values({2, 9, 4, 4}, type, 2);
      const torch::Tensor before = norm->running_mean.clone();
      expect_near(batch_norm_relu(x, norm, residual), by_operators(x, norm, residual, {}),
                  type == torch::kFloat ? kFloatTolerance : kBfloat16Tolerance);
      EXPECT_TRUE(norm->running_mean.equal(before));
      EXPECT_EQ(norm->num_batches_tracked.item<std::int64_t>(), 0);
    }
  }
}

TEST(FusedBatchNorm, AveragesAllBatchesWithoutMomentum) {
  const auto running_mean_after = [](const auto& forward) {
    torch::nn::BatchNorm2d norm(torch::nn::BatchNorm2dOptions(3).momentum(torch::nullopt));
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      forward(values({2, 3, 4, 4}, torch::kFloat, seed), norm, torch::Tensor(), Use{});
    }
    return norm->running_mean;
  };
  expect_near(running_mean_after(fused), running_mean_after(by_operators), 1e-6);
}

TEST(FusedBatchNorm, TrainsParametersWhereXNeedsNoGradient) {
  torch::nn::BatchNorm2d norm = norm_of(6);
  torch::nn::BatchNorm2d same = norm_of(6);
  const torch::Tensor x = values({2, 6, 4, 4}, torch::kFloat, 1);
  batch_norm_relu(x, norm).square().sum().backward();
  by_operators(x, same, {}, {}).square().sum().backward();
  expect_near(norm->weight.grad(), same->weight.grad(), kFloatTolerance);
  expect_near(norm->bias.grad(), same->bias.grad(), kFloatTolerance);
}

TEST(FusedBatchNorm, PassesGradientsThroughFrozenParameters) {
  torch::nn::BatchNorm2d norm = norm_of(6);
  norm->weight.set_requires_grad(false);
  norm->bias.set_requires_grad(false);
  const torch::Tensor x = values({2, 6, 4, 4}, torch::kFloat, 1).requires_grad_();
  batch_norm_relu(x, norm).square().sum().backward();
  EXPECT_FALSE(norm->weight.grad().defined());
  EXPECT_GT(x.grad().abs().max().item<double>(), 0);
}

TEST(FusedBatchNorm, WritesOverXOnlyWhereNobodySeesIt) {
  const torch::NoGradGuard no_grad;
  torch::nn::BatchNorm2d norm = norm_of(6);
  torch::Tensor x = values({2, 6, 4, 4}, torch::kFloat, 1);
  const torch::Tensor before = x.clone();
  EXPECT_NE(batch_norm_relu(x, norm).data_ptr(), x.data_ptr());
  EXPECT_TRUE(x.equal(before));
  const void* memory = x.data_ptr();
  EXPECT_EQ(batch_norm_relu(std::move(x), norm).data_ptr(), memory);
}

TEST(FusedBatchNorm, KeepsNaN) {
  torch::nn::BatchNorm2d norm = norm_of(3);
  torch::Tensor x = values({2, 3, 4, 4}, torch::kBFloat16, 1);
  x[0][1][2][2] = std::numeric_limits<float>::quiet_NaN();
  const torch::Tensor y = batch_norm_relu(x, norm);
  EXPECT_TRUE(y.select(1, 1).isnan().all().item<bool>());
  EXPECT_FALSE(y.select(1, 0).isnan().any().item<bool>());
}

TEST(FusedBatchNorm, LeavesOtherTensorsToTheOperators) {
  torch::nn::BatchNorm2d norm = norm_of(4);
  const torch::Tensor x = values({2, 4, 3, 3}, torch::kFloat, 1);
  torch::nn::BatchNorm2d same = norm_of(4);
  EXPECT_TRUE(batch_norm_relu(x.contiguous(), norm).equal(by_operators(x.contiguous(), same, {}, {})));
  norm->to(torch::kDouble);
  same->to(torch::kDouble);
  const torch::Tensor wide = x.to(torch::kDouble);
  EXPECT_TRUE(batch_norm_relu(wide, norm).equal(by_operators(wide, same, {}, {})));
}

TEST(FusedBatchNorm, RefusesOneValueAChannelAsLibTorchDoes) {
  torch::nn::BatchNorm2d norm = norm_of(4);
  EXPECT_THROW(batch_norm_relu(values({1, 4, 1, 1}, torch::kFloat, 1), norm), c10::Error);
  EXPECT_EQ(norm->running_mean.isfinite().all().item<bool>(), true);
}

}  // namespace
}  // namespace margay::model
