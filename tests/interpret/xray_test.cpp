#include <cmath>

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>

#include "margay/interpret/xray.h"
#include "margay/interpret/xray_words.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::interpret {
namespace {

using testing_support::thrown_message;

SoftmaxRow row_of(const std::vector<double>& activations, std::int64_t target) {
  const torch::Tensor z = torch::tensor(activations, torch::kDouble).unsqueeze(0);
  return softmax_xray(z, torch::tensor({target}, torch::kLong)).rows.at(0);
}

struct Case {
  torch::Tensor logits;
  torch::Tensor targets;
};

Case any_case() {
  const auto n = *rc::gen::inRange<std::int64_t>(1, 5);
  const auto k = *rc::gen::inRange<std::int64_t>(1, 9);
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const double scale = *rc::gen::elementOf(std::vector<double>{1e-3, 1, 30, 1e4});
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return {torch::randn({n, k}, generator, torch::kDouble) * scale, torch::randint(k, {n}, generator, torch::kLong)};
}

RC_GTEST_PROP(SoftmaxXrayProperty, GradientIsSoftmaxMinusOnehotAndSumsToZero, ()) {
  const Case any = any_case();
  for (const SoftmaxRow& row : softmax_xray(any.logits, any.targets).rows) {
    RC_ASSERT(std::abs(row.sum(&SoftmaxTerm::gradient)) < 1e-12);
    for (std::size_t k = 0; k < row.classes.size(); ++k) {
      const double onehot = k == row.target->index ? 1 : 0;
      RC_ASSERT(std::abs(row.classes[k].gradient - (row.classes[k].probability - onehot)) < 1e-12);
    }
  }
}

RC_GTEST_PROP(SoftmaxXrayProperty, NoStepRaisesTheLoss, ()) {
  const Case any = any_case();
  const double step = *rc::gen::elementOf(std::vector<double>{0, 0.01, 1, 300});
  for (const SoftmaxRow& row : softmax_xray(any.logits, any.targets, {.step = step}).rows) {
    RC_ASSERT(row.target->loss_after_step <= row.target->loss + 1e-12);
  }
}

RC_GTEST_PROP(SoftmaxXrayProperty, LossIsTheNegativeLogOfThePickedProbability, ()) {
  const Case any = any_case();
  for (const SoftmaxRow& row : softmax_xray(any.logits, any.targets).rows) {
    RC_ASSERT(std::abs(row.target->loss - row.classes[row.target->index].negative_log) <=
              1e-12 * (1 + row.target->loss));
    RC_ASSERT(row.target->loss > 300 || std::abs(std::exp(-row.target->loss) - row.target->probability) < 1e-12);
  }
}

RC_GTEST_PROP(SoftmaxXrayProperty, SharesAreSharesAndTheWidestIsTheLargest, ()) {
  const Case any = any_case();
  for (const SoftmaxRow& row : softmax_xray(any.logits, any.targets).rows) {
    for (const SoftmaxTerm& term : row.classes) {
      RC_ASSERT(term.gap_share >= 0 && term.gap_share <= 1);
      RC_ASSERT(!row.target->widest_gap || term.gap_share <= row.target->widest_gap->share);
    }
  }
}

TEST(SoftmaxXray, StepLowersTheLoss) {
  const SoftmaxRow row = row_of({3.1, 1.0, -0.5}, 1);
  EXPECT_LT(row.target->loss_after_step, row.target->loss);
}

TEST(SoftmaxXray, ShareOfAClassIsWhatLeavingItOutWouldSave) {
  const SoftmaxRow row = row_of({3, 1, 0, 2}, 1);
  const double loss = std::log(std::exp(2) + 1 + std::exp(-1) + std::exp(1));
  const double without_first = std::log(1 + std::exp(-1) + std::exp(1));
  ASSERT_TRUE(row.target->widest_gap);
  EXPECT_EQ(row.target->widest_gap->index, 0U);
  EXPECT_NEAR(row.target->loss, loss, 1e-14);
  EXPECT_NEAR(row.target->widest_gap->loss_without, without_first, 1e-14);
  EXPECT_NEAR(row.target->widest_gap->share, 1 - without_first / loss, 1e-14);
  EXPECT_NEAR(row.classes[3].gap_share, 1 - std::log(std::exp(2) + 1 + std::exp(-1)) / loss, 1e-14);
  EXPECT_EQ(row.classes[1].gap_share, 0);
}

TEST(SoftmaxXray, ShareKeepsItsDigitsWhereAWrongClassHasAllTheProbability) {
  const SoftmaxRow row = row_of({100, 0, 1}, 1);
  EXPECT_NEAR(row.target->widest_gap->loss_without, std::log(1 + std::exp(1)), 1e-14);
}

TEST(SoftmaxXray, TheOnlyOtherClassHasTheWholeLoss) {
  EXPECT_EQ(row_of({3.7481, -1.0225}, 1).target->widest_gap->share, 1);
}

TEST(SoftmaxXray, TakesAnActivationOfMinusInfinityAsAClassRuledOut) {
  const SoftmaxRow row = row_of({1, -kInfinity, 1}, 0);
  EXPECT_EQ(row.classes[1].probability, 0);
  EXPECT_EQ(row.classes[1].exp, 0);
  EXPECT_EQ(row.classes[1].negative_log, kInfinity);
  EXPECT_NEAR(row.target->loss, std::log(2), 1e-15);
  EXPECT_NEAR(row.target->loss_after_step, std::log1p(std::exp(-1)), 1e-15);
}

TEST(SoftmaxXray, TargetThatIsRuledOutCostsInfinitely) {
  const SoftmaxRow row = row_of({1, -kInfinity, 1}, 1);
  EXPECT_EQ(row.target->loss, kInfinity);
  EXPECT_EQ(row.target->loss_after_step, kInfinity);
  EXPECT_EQ(row.classes[1].gradient, -1);
  EXPECT_FALSE(row.target->widest_gap);
}

TEST(SoftmaxXray, OneClassHasNoLoss) {
  const SoftmaxRow row = row_of({-7}, 0);
  EXPECT_EQ(row.target->probability, 1);
  EXPECT_EQ(row.target->loss, 0);
  EXPECT_EQ(row.target->loss_after_step, 0);
  EXPECT_FALSE(row.target->widest_gap);
}

TEST(SoftmaxXray, LeavesRowsWithoutATargetOutOfTheSummary) {
  const torch::Tensor z = torch::tensor({{0.0, 0.0}, {1.0, 0.0}}, torch::kFloat);
  const SoftmaxXray xray = softmax_xray(z, torch::tensor({-1, 1}, torch::kInt));
  EXPECT_FALSE(xray.rows[0].target);
  EXPECT_EQ(xray.summary->rows, 1U);
  EXPECT_EQ(xray.summary->heaviest_row, "row 2");
  EXPECT_FALSE(softmax_xray(z).summary);
  EXPECT_TRUE(softmax_xray(torch::zeros({0, 3})).rows.empty());
}

TEST(SoftmaxXray, NumbersTheRowsWhoseNameIsBlank) {
  const SoftmaxXray xray = softmax_xray(torch::zeros({3, 2}), {}, {.row_names = {"", "a", " "}});
  EXPECT_EQ(xray.rows[0].name, "row 1");
  EXPECT_EQ(xray.rows[1].name, "a");
  EXPECT_EQ(xray.rows[2].name, "row 3");
}

TEST(SoftmaxXray, NamesWhatDoesNotFit) {
  const torch::Tensor z = torch::zeros({2, 3});
  const auto message = [](const auto& call) { return thrown_message<std::invalid_argument>(call); };
  EXPECT_EQ(message([&] {
              softmax_xray(z, torch::tensor({0, 3}, torch::kLong));
            }),
            "[softmax_xray] target 3 at position 1 is no class index; 3 classes allow 0 to 2, and -1 for unknown");
  EXPECT_EQ(message([&] { softmax_xray(z, {}, {.class_names = {"a"}}); }), "[softmax_xray] 1 names for 3 classes");
  EXPECT_EQ(message([&] {
              softmax_xray(torch::full({1, 2}, NAN), {}, {.class_names = {"a", "b"}});
            }),
            "[softmax_xray] logits must be finite or -inf; 'a' of 'row 1' is nan");
  EXPECT_EQ(message([&] {
              softmax_xray(torch::full({1, 2}, -kInfinity));
            }),
            "[softmax_xray] every activation of 'row 1' is -inf, so it has no softmax");
  EXPECT_THROW(softmax_xray(torch::zeros({3})), std::invalid_argument);
  EXPECT_THROW(softmax_xray(z, {}, {.step = -1}), std::invalid_argument);
  EXPECT_THROW(softmax_xray(z, torch::zeros({2})), std::invalid_argument);
}

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
