#include "margay/train/probe/strength_choice.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/metric/folds.h"
#include "margay/metric/metric.h"
#include "margay/train/probe/probe_fit.h"
#include "tests/support/probe_features.h"

namespace margay::train {
namespace {

using data::Task;
using testing_support::clouds;
using testing_support::Numbers;

ProbeRows cloud_rows(std::int64_t images) {
  const auto features = clouds({.images = images, .distance = 0.6}, 1);
  return probe_rows("training", features, torch::arange(images).div(2, "floor"), 3, Task::kSingleLabel,
                    data::Balance::kNone);
}

/// The rows outside of a fold, and their left-out outputs.
ChoiceRows without_fold(const ProbeFit& fit, const torch::Tensor& folds, std::int64_t fold) {
  return fit.left_out_choice((folds != fold).nonzero().squeeze(1), {}, 0);
}

TEST(ChooseStrength, OfAFoldIsTheChoiceOfTheOthersAlone) {
  const ProbeFit fit(cloud_rows(60), 3);
  const torch::Tensor folds = metric::deal_folds(fit.rows().groups, fit.rows().num_groups, 5, 1);
  const StrengthChoice nested = choose_strength(fit.left_out_choice(torch::arange(60), folds, 5));
  ASSERT_EQ(nested.without_fold.size(), 5);
  for (std::int64_t fold = 0; fold < 5; ++fold) {
    const ChosenStrength own = choose_strength(without_fold(fit, folds, fold)).all;
    const ChosenStrength& chosen = nested.without_fold[static_cast<std::size_t>(fold)];
    EXPECT_EQ(chosen.strength, own.strength);
    EXPECT_NEAR(chosen.scale.scale.item<double>() / own.scale.scale.item<double>(), 1, 1e-4);
  }
}

TEST(ChooseStrength, IsTheBestOfAllStrengthsInExplicitLoops) {
  const ProbeFit fit(cloud_rows(60), 3);
  const ProbeRows& rows = fit.rows();
  double best = 0;
  double lowest = 1e9;
  for (int place = -32; place <= 24; ++place) {
    const double strength = std::pow(10, place / 8.0);
    fit.for_each_left_out({strength}, torch::arange(60), [&](std::size_t, const torch::Tensor& outputs) {
      const OutputScale scale = fit_output_scale({outputs, rows.targets, rows.weights, 30}, Task::kSingleLabel);
      const double loss =
          metric::image_losses(scale.logits(outputs), rows.targets, metric::Activation::kSoftmax).mean().item<double>();
      if (loss < lowest) best = strength;
      lowest = std::min(lowest, loss);
    });
  }
  const StrengthChoice choice = choose_strength(fit.left_out_choice(torch::arange(60), {}, 0));
  EXPECT_DOUBLE_EQ(choice.all.strength, best);
  for (const TriedStrength& tried : choice.tried) EXPECT_GE(tried.loss, lowest - 1e-6);
}

/// Outputs whose noise is least at one strength.
ChoiceRows made_up_choice(double best_place, double steepness) {
  const torch::Tensor targets = torch::arange(40) % 4;
  return {.targets = targets,
          .weights = torch::ones({40}, torch::kDouble),
          .groups = torch::arange(40),
          .folds = {},
          .num_folds = 0,
          .task = Task::kSingleLabel,
          .for_each_output = [=](const std::vector<double>& strengths, const OutputVisit& visit) {
            for (std::size_t i = 0; i < strengths.size(); ++i) {
              const double noise = 0.5 + steepness * std::abs(8 * std::log10(strengths[i]) - best_place);
              visit(i, torch::one_hot(targets, 4) + noise * Numbers(2).normal({40, 4}));
            }
          }};
}

TEST(ChooseStrength, GoesOnBeyondTheGridWhileTheBestIsTheLast) {
  for (const int place : {-55, -34, 3, 42, 66}) {
    const StrengthChoice choice = choose_strength(made_up_choice(place, 0.02));
    EXPECT_NEAR(8 * std::log10(choice.all.strength), place, 1e-6);
  }
  EXPECT_NEAR(std::log10(choose_strength(made_up_choice(1000, 0.001)).all.strength), 9, 1e-6);
}

TEST(StrengthGrid, EndsAtTenTimesTheNumberOfImages) {
  EXPECT_EQ(strength_grid(10).high, 16);
  EXPECT_EQ(strength_grid(10).highest, 16);
  EXPECT_EQ(strength_grid(100'000).high, 24);
  EXPECT_EQ(strength_grid(100'000).highest, 48);
}

TEST(ChooseStrength, TakesTheLargestOfEquals) {
  EXPECT_NEAR(std::log10(choose_strength(made_up_choice(0, 0)).all.strength), 9, 1e-6);
}

TEST(ChooseStrength, FitsTheScaleAloneToAGivenStrength) {
  const StrengthChoice choice = choose_strength(made_up_choice(0, 0.01), 0.5);
  EXPECT_EQ(choice.all.strength, 0.5);
  ASSERT_EQ(choice.tried.size(), 1);
  EXPECT_GT(choice.all.scale.scale.item<double>(), 0.1);
}

}  // namespace
}  // namespace margay::train
