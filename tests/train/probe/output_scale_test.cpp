#include "margay/train/probe/output_scale.h"

#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/probe_features.h"

namespace margay::train {
namespace {

using data::Task;
using testing_support::Numbers;

ScaleRows single_label_rows(std::int64_t images, double signal) {
  Numbers numbers(3);
  const torch::Tensor targets = torch::arange(images) % 4;
  const torch::Tensor outputs = 0.2 * numbers.normal({images, 4}) + signal * torch::one_hot(targets, 4);
  return {outputs, targets, numbers.uniform({images}).to(torch::kDouble), static_cast<double>(images)};
}

/// What the doc comment of fit_output_scale says, in float64.
double temperature_objective(const ScaleRows& rows, double scale) {
  const torch::Tensor log_p = (rows.outputs.to(torch::kDouble) * scale).log_softmax(1);
  const torch::Tensor of_target = log_p.gather(1, rows.targets.unsqueeze(1)).squeeze(1);
  const torch::Tensor of_unknown = log_p.mean(1);
  return -(rows.weights * (of_target + of_unknown / rows.observations)).sum().item<double>();
}

TEST(TemperatureFit, FindsTheLowestPointOfAFineGrid) {
  for (const double signal : {0.02, 0.2, 0.5}) {
    const ScaleRows rows = single_label_rows(40, signal);
    double best = 0.01;
    for (double scale = 0.01; scale < 200; scale *= 1.004) {
      if (temperature_objective(rows, scale) < temperature_objective(rows, best)) best = scale;
    }
    const OutputScale fitted = fit_output_scale(rows, Task::kSingleLabel);
    EXPECT_NEAR(fitted.scale.item<double>() / best, 1, 0.004) << signal;
    EXPECT_EQ(fitted.offset.item<double>(), 0);
  }
}

TEST(TemperatureFit, DoesNotDependOnWhereItBegins) {
  const ScaleRows rows = single_label_rows(40, 0.2);
  const double usual = fit_output_scale(rows, Task::kSingleLabel).scale.item<double>();
  for (const double first : {1e-3, 1.0, 1e9}) {
    const OutputScale start{torch::full({1}, first, torch::kDouble), torch::zeros({1}, torch::kDouble)};
    EXPECT_NEAR(fit_output_scale(rows, Task::kSingleLabel, &start).scale.item<double>() / usual, 1, 1e-4) << first;
  }
}

TEST(TemperatureFit, IsFiniteWhereAllImagesAreRightAndSharperTheMoreSayIt) {
  const ScaleRows few = single_label_rows(20, 3);
  ScaleRows grouped = few;
  grouped.observations = 4;
  const ScaleRows many = single_label_rows(2'000, 3);
  const double of_few = fit_output_scale(few, Task::kSingleLabel).scale.item<double>();
  const double of_many = fit_output_scale(many, Task::kSingleLabel).scale.item<double>();
  EXPECT_LT(fit_output_scale(grouped, Task::kSingleLabel).scale.item<double>(), of_few);
  EXPECT_LT(of_few, of_many);
  EXPECT_LT(of_many, 20);
}

TEST(TemperatureFit, DoesNotTurnOutputsRound) {
  const OutputScale fitted = fit_output_scale(single_label_rows(40, -0.5), Task::kSingleLabel);
  EXPECT_NEAR(fitted.scale.item<double>(), 1e-3, 1e-5);
}

TEST(TemperatureFit, TakesEqualOutputsForWhatTheyAre) {
  const ScaleRows rows{torch::full({6, 2}, 0.5), torch::arange(6) % 2, torch::ones({6}, torch::kDouble), 6};
  const OutputScale fitted = fit_output_scale(rows, Task::kSingleLabel);
  EXPECT_TRUE(torch::isfinite(fitted.logits(rows.outputs)).all().item<bool>());
}

TEST(TemperatureFit, IgnoresImagesWithoutWeight) {
  ScaleRows rows = single_label_rows(40, 0.2);
  rows.weights.slice(0, 30) = 0;
  const ScaleRows part{rows.outputs.slice(0, 0, 30), rows.targets.slice(0, 0, 30), rows.weights.slice(0, 0, 30),
                       rows.observations};
  EXPECT_NEAR(fit_output_scale(rows, Task::kSingleLabel).scale.item<double>(),
              fit_output_scale(part, Task::kSingleLabel).scale.item<double>(), 1e-4);
}

ScaleRows multi_label_rows(std::int64_t images, double signal) {
  Numbers numbers(5);
  const torch::Tensor targets = (numbers.uniform({images, 3}) < torch::tensor({0.5, 0.2, 0.1})).to(torch::kFloat);
  return {0.3 * numbers.normal({images, 3}) + signal * targets, targets,
          numbers.uniform({images}).to(torch::kDouble) + 0.1, static_cast<double>(images)};
}

TEST(SigmoidFit, HasNoSlopeAtPlattsOptimum) {
  const ScaleRows rows = multi_label_rows(80, 0.6);
  OutputScale fitted = fit_output_scale(rows, Task::kMultiLabel);
  fitted.scale.requires_grad_();
  fitted.offset.requires_grad_();
  const torch::Tensor share = (rows.weights / rows.weights.sum()).unsqueeze(1);
  const torch::Tensor positive = (share * rows.targets).sum(0) * rows.observations;
  const torch::Tensor targets =
      torch::where(rows.targets > 0, (positive + 1) / (positive + 2), 1 / (rows.observations - positive + 2));
  const torch::Tensor logits = rows.outputs * fitted.scale + fitted.offset;
  (share * torch::binary_cross_entropy_with_logits(logits, targets, {}, {}, at::Reduction::None)).sum().backward();
  EXPECT_LT(fitted.scale.grad().abs().max().item<double>(), 1e-8);
  EXPECT_LT(fitted.offset.grad().abs().max().item<double>(), 1e-8);
  EXPECT_GT(fitted.scale.min().item<double>(), 1);
}

TEST(SigmoidFit, IsSafeForALabelOfOneImageAndOfNone) {
  ScaleRows rows = multi_label_rows(50, 2);
  rows.weights = torch::ones({50}, torch::kDouble);
  rows.targets.select(1, 1).zero_();
  rows.targets.select(1, 1)[9] = 1;
  rows.outputs.select(1, 1).zero_();
  rows.outputs.select(1, 1)[9] = 1;
  rows.targets.select(1, 2).zero_();
  rows.outputs.select(1, 2).zero_();
  const OutputScale fitted = fit_output_scale(rows, Task::kMultiLabel);
  const torch::Tensor p = fitted.logits(rows.outputs).sigmoid();
  EXPECT_NEAR(p[9][1].item<double>(), 2.0 / 3, 1e-4);   // (1 + 1) / (1 + 2)
  EXPECT_NEAR(p[0][1].item<double>(), 1.0 / 51, 1e-4);  // 1 / (49 + 2)
  EXPECT_NEAR(p[0][2].item<double>(), 1.0 / 52, 1e-4);
}

TEST(SigmoidFit, DoesNotTurnOutputsRound) {
  const ScaleRows rows = multi_label_rows(80, -0.6);
  const OutputScale fitted = fit_output_scale(rows, Task::kMultiLabel);
  EXPECT_EQ(fitted.scale.abs().max().item<double>(), 0);
  EXPECT_TRUE(torch::isfinite(fitted.offset).all().item<bool>());
}

TEST(FitOutputScale, RefusesRowsThatDoNotFitAndNoWeight) {
  ScaleRows rows = single_label_rows(8, 1);
  rows.weights = torch::zeros({8}, torch::kDouble);
  EXPECT_THROW(fit_output_scale(rows, Task::kSingleLabel), std::invalid_argument);
  EXPECT_THROW(fit_output_scale(single_label_rows(8, 1), Task::kMultiLabel), std::invalid_argument);
}

}  // namespace
}  // namespace margay::train
