#include "margay/metric/temperature.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include "tests/support/probe_features.h"
#include "tests/support/thrown_message.h"

namespace margay::metric {
namespace {

using testing_support::Numbers;
using testing_support::thrown_message;

/// Labels drawn from softmax(true logits / temperature).
TemperatureRows drawn_rows(std::int64_t images, std::int64_t classes, double temperature, std::uint64_t seed = 3) {
  Numbers numbers(seed);
  const torch::Tensor logits = 3 * numbers.normal({images, classes});
  const torch::Tensor cumulative = (logits / temperature).softmax(1).cumsum(1);
  const torch::Tensor targets = (cumulative < numbers.uniform({images, 1})).sum(1).clamp_max(classes - 1);
  return {.logits = logits, .targets = targets};
}

TemperatureRows drawn_labels(std::int64_t images, std::int64_t labels, double temperature) {
  Numbers numbers(4);
  const torch::Tensor logits = 3 * numbers.normal({images, labels}) - 1;
  const torch::Tensor targets = (numbers.uniform({images, labels}) < (logits / temperature).sigmoid());
  return {.logits = logits, .targets = targets.to(torch::kFloat)};
}

/// The definition, by LibTorch's own operators in float64.
torch::Tensor loss_by_operators(const TemperatureRows& rows, Activation activation, const torch::Tensor& scale) {
  const torch::Tensor logits = rows.logits.to(torch::kDouble) * scale;
  const auto images = static_cast<double>(logits.size(0));
  const auto losses_for = [&](const torch::Tensor& targets) {
    return activation == Activation::kSoftmax
               ? -(targets * logits.log_softmax(1)).sum(1)
               : torch::binary_cross_entropy_with_logits(logits, targets, {}, {}, at::Reduction::None).mean(1);
  };
  const bool is_softmax = activation == Activation::kSoftmax;
  const torch::Tensor targets =
      (is_softmax ? torch::one_hot(rows.targets, logits.size(1)) : rows.targets).to(torch::kDouble);
  const torch::Tensor unknown = torch::full_like(targets, is_softmax ? 1.0 / static_cast<double>(logits.size(1)) : 0.5);
  return (losses_for(targets) + losses_for(unknown) / images).mean();
}

void expect_loss_and_derivatives(const TemperatureRows& rows, Activation activation) {
  for (const double scale : {0.01, 0.7, 1.0, 5.0}) {
    const torch::Tensor t = torch::full({}, scale, torch::dtype(torch::kDouble).requires_grad(true));
    const torch::Tensor loss = loss_by_operators(rows, activation, t);
    const torch::Tensor first = torch::autograd::grad({loss}, {t}, {}, true, true)[0];
    const torch::Tensor second = torch::autograd::grad({first}, {t})[0];
    const TemperatureLoss own = temperature_loss(rows, activation, scale);
    EXPECT_NEAR(own.loss, loss.item<double>(), 1e-9 * (1 + std::abs(own.loss))) << scale;
    EXPECT_NEAR(own.first, first.item<double>(), 1e-9 * (1 + std::abs(own.first))) << scale;
    EXPECT_NEAR(own.second, second.item<double>(), 1e-9 * (1 + own.second)) << scale;
  }
}

TEST(TemperatureLoss, IsTheLikelihoodsWithItsDerivatives) {
  expect_loss_and_derivatives(drawn_rows(300, 7, 2), Activation::kSoftmax);
  expect_loss_and_derivatives(drawn_labels(300, 5, 2), Activation::kSigmoid);
}

TEST(TemperatureLoss, IsExactForRowsOfAnyLength) {  // whatever the vectors of the processor hold
  for (std::int64_t classes = 1; classes <= 35; ++classes) {
    expect_loss_and_derivatives(drawn_rows(20, classes, 2), Activation::kSoftmax);
    expect_loss_and_derivatives(drawn_labels(20, classes, 2), Activation::kSigmoid);
  }
}

TEST(FitTemperature, EndsWhereTheLossHasNoSlope) {
  for (const double truth : {0.5, 1.0, 3.0}) {
    const TemperatureRows rows = drawn_rows(400, 10, truth);
    const TemperatureFit fit = fit_temperature(rows, Activation::kSoftmax);
    const TemperatureLoss at = temperature_loss(rows, Activation::kSoftmax, fit.scale);
    EXPECT_LT(std::abs(at.first / at.second), 1e-8 * fit.scale);  // what is left of Newton's step
    EXPECT_FALSE(fit.is_contradicted);
  }
}

TEST(FitTemperature, FindsTheTemperatureThatLabelsWereDrawnWith) {
  for (const double truth : {0.6, 1.0, 2.5}) {
    const TemperatureFit fit = fit_temperature(drawn_rows(4'000, 10, truth), Activation::kSoftmax);
    EXPECT_LT(std::abs(std::log(fit.temperature() / truth)), 4 * fit.log_error) << truth;
    EXPECT_LT(fit.log_error, 0.05);
    const TemperatureFit labels = fit_temperature(drawn_labels(2'000, 6, truth), Activation::kSigmoid);
    EXPECT_LT(std::abs(std::log(labels.temperature() / truth)), 4 * labels.log_error) << truth;
  }
}

TEST(FitTemperature, HasAnErrorThatCoversTheTruth) {
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const TemperatureFit fit = fit_temperature(drawn_rows(150, 4, 1.5, seed), Activation::kSoftmax);
    covered += std::abs(std::log(fit.temperature() / 1.5)) < 1.96 * fit.log_error ? 1 : 0;
  }
  EXPECT_GE(covered, 178);  // of 190 expected, four standard errors below
}

TEST(FitTemperature, IsLessSureWhereImagesComeInGroups) {
  TemperatureRows rows = drawn_rows(200, 5, 1);
  const TemperatureFit alone = fit_temperature(rows, Activation::kSoftmax);
  rows.logits = rows.logits.repeat({4, 1});
  rows.targets = rows.targets.repeat({4});
  rows.groups = torch::arange(200).repeat({4});
  const TemperatureFit grouped = fit_temperature(rows, Activation::kSoftmax);
  EXPECT_NEAR(grouped.temperature(), alone.temperature(), 1e-6);
  EXPECT_NEAR(grouped.log_error, alone.log_error, 1e-6);
}

TEST(FitTemperature, IsFiniteWhereAllImagesAreRight) {
  TemperatureRows rows = drawn_rows(50, 3, 1);
  rows.targets = rows.logits.argmax(1);
  rows.logits = rows.logits + 20 * torch::one_hot(rows.targets, 3);  // separable with a wide margin
  const TemperatureFit fit = fit_temperature(rows, Activation::kSoftmax);
  EXPECT_GT(fit.temperature(), 1);  // 50 images do not say as much as a margin of 20
  EXPECT_LT(fit.temperature(), 100);
  const torch::Tensor surest = (rows.logits / fit.temperature()).softmax(1).max();
  EXPECT_LT(surest.item<double>(), 1);
  rows.logits = rows.logits * 1e-3;
  EXPECT_GT(fit_temperature(rows, Activation::kSoftmax).temperature(), 0);
}

TEST(FitTemperature, SaysSoWhereTheImagesContradictTheLogits) {
  TemperatureRows rows = drawn_rows(50, 3, 1);
  rows.targets = rows.logits.argmin(1);
  const TemperatureFit fit = fit_temperature(rows, Activation::kSoftmax);
  EXPECT_TRUE(fit.is_contradicted);
  EXPECT_DOUBLE_EQ(fit.temperature(), 1000);
}

TEST(FitTemperature, LeavesLogitsThatSayNothingAsTheyAre) {
  const TemperatureRows rows{.logits = torch::full({6, 2}, 0.5), .targets = torch::arange(6) % 2};
  EXPECT_EQ(fit_temperature(rows, Activation::kSoftmax).scale, 1);
  EXPECT_TRUE(std::isinf(fit_temperature(rows, Activation::kSoftmax).log_error));
  const TemperatureRows one_class{.logits = torch::randn({6, 1}), .targets = torch::zeros({6}, torch::kLong)};
  EXPECT_EQ(fit_temperature(one_class, Activation::kSoftmax).scale, 1);
}

TEST(FitTemperature, DoesNotDependOnStartThreadsOrType) {
  const TemperatureRows rows = drawn_rows(1'000, 5, 2);
  const double usual = fit_temperature(rows, Activation::kSoftmax).scale;
  for (const double start : {1e-3, 30.0, 1e9}) {
    EXPECT_NEAR(fit_temperature(rows, Activation::kSoftmax, start).scale / usual, 1, 1e-8) << start;
  }
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  EXPECT_EQ(fit_temperature(rows, Activation::kSoftmax).scale, usual);
  at::set_num_threads(threads);
  TemperatureRows doubles = rows;
  doubles.logits = rows.logits.to(torch::kDouble);
  EXPECT_EQ(fit_temperature(doubles, Activation::kSoftmax).scale, usual);
}

TEST(FitTemperature, IgnoresImagesWithoutWeight) {
  TemperatureRows rows = drawn_rows(60, 4, 1);
  const TemperatureRows part{.logits = rows.logits.slice(0, 0, 40), .targets = rows.targets.slice(0, 0, 40)};
  rows.weights = torch::ones({60}, torch::kDouble);
  rows.weights.slice(0, 40) = 0;
  EXPECT_NEAR(fit_temperature(rows, Activation::kSoftmax).scale, fit_temperature(part, Activation::kSoftmax).scale,
              1e-9);
}

std::string refusal_of(const TemperatureRows& rows) {
  return thrown_message<std::invalid_argument>([&] { fit_temperature(rows, Activation::kSoftmax); });
}

TEST(FitTemperature, RefusesWhatItCannotFit) {
  TemperatureRows rows = drawn_rows(10, 3, 1);
  rows.logits = rows.logits.clone();
  for (const double bad :
       {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    rows.logits[4][1] = bad;
    EXPECT_NE(refusal_of(rows).find("row 4 are not finite"), std::string::npos) << bad;
  }
  rows = drawn_rows(10, 3, 1);
  rows.targets[2] = 3;
  EXPECT_NE(refusal_of(rows).find("classes 0 … 2, got 3"), std::string::npos);
  EXPECT_NE(refusal_of({.logits = torch::zeros({0, 3}), .targets = torch::zeros({0}, torch::kLong)})
                .find("there are no images"),
            std::string::npos);
  EXPECT_NE(refusal_of({.logits = torch::zeros({2, 3}), .targets = torch::zeros({3}, torch::kLong)}).find("targets"),
            std::string::npos);
  rows = drawn_rows(10, 3, 1);
  rows.weights = torch::zeros({10}, torch::kDouble);
  EXPECT_NE(refusal_of(rows).find("weight above 0"), std::string::npos);
}

}  // namespace
}  // namespace margay::metric
