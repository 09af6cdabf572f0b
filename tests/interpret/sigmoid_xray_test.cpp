#include "margay/interpret/sigmoid_xray.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/interpret/xray_words.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::interpret {
namespace {

SigmoidRow sigmoid_row_of(const std::vector<double>& activations, const std::vector<int>& targets) {
  return sigmoid_xray(torch::tensor(activations, torch::kDouble).unsqueeze(0),
                      torch::tensor(targets, torch::kInt).unsqueeze(0))
      .rows.at(0);
}

TEST(SigmoidXray, LossIsTheMeanOfEachClassesNegativeLog) {
  const SigmoidRow row = sigmoid_row_of({2, -1, 0}, {1, 1, 0});
  const double first = std::log1p(std::exp(-2));
  const double second = std::log1p(std::exp(1));
  EXPECT_NEAR(row.classes[0].loss, first, 1e-15);
  EXPECT_NEAR(row.classes[1].loss, second, 1e-15);
  EXPECT_NEAR(row.classes[2].loss, std::log(2), 1e-15);
  EXPECT_NEAR(row.target->loss, (first + second + std::log(2)) / 3, 1e-15);
  EXPECT_EQ(row.target->heaviest, 1U);
  EXPECT_NEAR(row.classes[1].share, second / (first + second + std::log(2)), 1e-15);
}

TEST(SigmoidXray, GradientIsProbabilityMinusTargetOverTheClasses) {
  const SigmoidRow row = sigmoid_row_of({2, -1, 0, 0}, {1, 0, 1, 0});
  for (const SigmoidTerm& term : row.classes) {
    EXPECT_NEAR(term.gradient, (term.probability - (term.is_there ? 1 : 0)) / 4, 1e-15) << term.name;
  }
}

TEST(SigmoidXray, StepLowersTheLoss) {
  const SigmoidRow row = sigmoid_row_of({2, -1, 0}, {0, 1, 0});
  EXPECT_LT(row.target->loss_after_step, row.target->loss);
}

TEST(SigmoidXray, StaysFiniteForHugeActivations) {
  const SigmoidRow row = sigmoid_row_of({1e4, -1e4}, {0, 0});
  EXPECT_EQ(row.classes[0].loss, 1e4);
  EXPECT_EQ(row.classes[1].loss, 0);
}

TEST(SigmoidXray, SharesOfHugeLossesDoNotOverflow) {
  const SigmoidRow row = sigmoid_row_of({1.5e308, 0.5e308, 1.0e308}, {0, 0, 0});
  EXPECT_NEAR(row.classes[0].share, 0.5, 1e-15);
  EXPECT_NEAR(row.classes[1].share, 1 / 6.0, 1e-15);
  EXPECT_NEAR(row.target->loss / 1e308, 1, 1e-15);
  EXPECT_EQ(verdict(row), "50 % of this loss is '0': it is not there and got p = 1.0000.");
}

TEST(SigmoidXray, InfiniteLossesShareTheSum) {
  const SigmoidRow row = sigmoid_row_of({-kInfinity, -kInfinity, 1}, {1, 1, 0});
  EXPECT_EQ(row.classes[0].share, 0.5);
  EXPECT_EQ(row.classes[1].share, 0.5);
  EXPECT_EQ(row.classes[2].share, 0);
}

TEST(SigmoidXray, TheSummaryOfHugeLossesDoesNotOverflow) {
  const SigmoidXray xray = sigmoid_xray(torch::full({2, 1}, 1e308, torch::kDouble), torch::zeros({2, 1}));
  EXPECT_NEAR(xray.summary->mean_loss / 1e308, 1, 1e-15);
  EXPECT_EQ(xray.summary->heaviest_share, 0.5);
}

TEST(SigmoidXray, TakesMinusInfinityAsASureNo) {
  const SigmoidRow row = sigmoid_row_of({-kInfinity, 0}, {0, 0});
  EXPECT_EQ(row.classes[0].loss, 0);
  EXPECT_EQ(row.classes[0].gradient, 0);
  const SigmoidRow wrong = sigmoid_row_of({-kInfinity, 0}, {1, 0});
  EXPECT_EQ(wrong.target->loss, kInfinity);
  EXPECT_EQ(wrong.classes[0].share, 1);
}

TEST(SigmoidXray, SaysBothCostsWithoutATarget) {
  const SigmoidXray xray = sigmoid_xray(torch::zeros({1, 1}));
  EXPECT_FALSE(xray.rows[0].target);
  EXPECT_FALSE(xray.summary);
  EXPECT_NEAR(xray.rows[0].classes[0].loss_if_yes, std::log(2), 1e-15);
  EXPECT_NEAR(xray.rows[0].classes[0].loss_if_no, std::log(2), 1e-15);
}

TEST(SigmoidXray, RefusesTargetsThatAreNeitherYesNorNo) {
  EXPECT_THROW(sigmoid_xray(torch::zeros({1, 2}), torch::tensor({{0.0, 0.5}})), std::invalid_argument);
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>([] {
              sigmoid_xray(torch::zeros({1, 2}), torch::zeros({2}));
            }),
            "[sigmoid_xray] targets must be 0 or 1 for each class, [1,2]");
}

}  // namespace
}  // namespace margay::interpret
