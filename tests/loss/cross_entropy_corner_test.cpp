// The corners where users of PyTorch's cross_entropy are hurt, each with the issue that tells of it.

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/activation.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/cross_entropy_rows.h"
#include "margay/loss/nll_loss.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::thrown_message;

torch::Tensor indices(std::initializer_list<std::int64_t> values) {
  return torch::tensor(std::vector<std::int64_t>(values), torch::kLong);
}

bool all_zero(const torch::Tensor& tensor) { return tensor.eq(0).all().item<bool>(); }

double item(const torch::Tensor& tensor) { return tensor.item<double>(); }

// pytorch#70348: the mean over no targets is NaN, and one such batch ruins the weights.
TEST(CrossEntropyCorner, WhereEveryTargetIsIgnoredTheLossIsZeroAndSoIsTheGradient) {
  for (const auto reduction : {Reduction::kMean, Reduction::kSum}) {
    const LossAndGradient both =
        cross_entropy_with_gradient(torch::randn({3, 5}), indices({-100, -100, -100}), {.reduction = reduction});
    EXPECT_EQ(item(both.loss), 0);
    EXPECT_TRUE(all_zero(both.gradient));
  }
  const torch::Tensor logits = torch::randn({2, 5}).requires_grad_();
  cross_entropy(logits, indices({-100, -100})).backward();
  EXPECT_TRUE(all_zero(logits.grad()));
  EXPECT_EQ(item(loss::nll_loss(torch::randn({2, 5}), indices({-100, -100}))), 0);
}

TEST(CrossEntropyCorner, EmptyMeanNanIsPyTorchsBehaviour) {
  EXPECT_TRUE(
      std::isnan(item(cross_entropy(torch::randn({2, 5}), indices({-100, -100}), {.empty_mean = EmptyMean::kNan}))));
  EXPECT_TRUE(
      std::isnan(item(loss::nll_loss(torch::randn({2, 5}), indices({-100, -100}), {.empty_mean = EmptyMean::kNan}))));
}

TEST(CrossEntropyCorner, ABatchOfNothingHasLossZero) {
  const LossAndGradient both = cross_entropy_with_gradient(torch::zeros({0, 5}), torch::zeros({0}, torch::kLong));
  EXPECT_EQ(item(both.loss), 0);
  EXPECT_EQ(both.gradient.sizes(), torch::IntArrayRef({0, 5}));
  EXPECT_EQ(
      cross_entropy(torch::zeros({0, 5}), torch::zeros({0}, torch::kLong), {.reduction = Reduction::kNone}).numel(), 0);
}

TEST(CrossEntropyCorner, ClassesOfWeightZeroAloneMakeAnEmptyMean) {
  const LossAndGradient both =
      cross_entropy_with_gradient(torch::randn({2, 2}), indices({0, 0}), {.class_weights = {0, 1}});
  EXPECT_EQ(item(both.loss), 0);
  EXPECT_TRUE(all_zero(both.gradient));
}

// pytorch#11551: an ignored row still turned the loss or the gradient into NaN.
TEST(CrossEntropyCorner, AnIgnoredRowMayHoldAnything) {
  for (const float bad : {kFloatInfinity, -kFloatInfinity, kFloatNan}) {
    torch::Tensor logits = torch::tensor({{1.0F, 2.0F, 3.0F}, {bad, bad, bad}});
    const LossAndGradient both = cross_entropy_with_gradient(logits, indices({0, -100}));
    EXPECT_NEAR(item(both.loss), 2.407606, 1e-6);
    EXPECT_TRUE(all_zero(both.gradient[1]));
    const torch::Tensor z = logits.requires_grad_();
    cross_entropy_formula(z, indices({0, -100}), {}).backward();
    EXPECT_TRUE(all_zero(z.grad()[1]));
    EXPECT_TRUE(z.grad().isfinite().all().item<bool>());
  }
}

// pytorch#63004: with label smoothing, ignored rows counted in the mean.
TEST(CrossEntropyCorner, IgnoredRowsDoNotCountInTheMean) {
  const torch::Tensor logits = torch::randn({4, 5});
  for (const double smoothing : {0.0, 0.1}) {
    const CrossEntropyOptions options{.label_smoothing = smoothing};
    const double kept = item(cross_entropy(logits.narrow(0, 0, 2), indices({1, 4}), options));
    EXPECT_NEAR(item(cross_entropy(logits, indices({1, 4, -100, -100}), options)), kept, 1e-6);
  }
}

TEST(CrossEntropyCorner, IgnoreIndexMayBeAClass) {
  const torch::Tensor logits = torch::randn({3, 5});
  const double kept = item(cross_entropy(logits.narrow(0, 0, 1), indices({2})));
  EXPECT_NEAR(item(cross_entropy(logits, indices({2, 0, 0}), {.ignore_index = 0})), kept, 1e-6);
}

// pytorch#104776: class weights distort label smoothing. The loss of one image is least where softmax is its target
// distribution; per_example keeps it there.
TEST(CrossEntropyCorner, WeightsPerExampleKeepWhatSmoothingAsksForAndPerClassDoesNot) {
  CrossEntropyOptions options{.class_weights = {0.1, 1, 5}, .label_smoothing = 0.3};
  const torch::Tensor asked = torch::tensor({{0.1, 0.8, 0.1}}, torch::kDouble);
  const auto gradient = [&] { return cross_entropy_with_gradient(asked.log(), indices({1}), options).gradient; };
  EXPECT_LE(item(gradient().abs().max()), 1e-12);
  options.class_weighting = ClassWeighting::kPerClass;
  EXPECT_GT(item(gradient().abs().max()), 0.1);
}

TEST(CrossEntropyCorner, PerClassWeightsAreThoseOfLibTorch) {
  torch::manual_seed(4);
  const torch::Tensor logits = torch::randn({6, 4}, torch::kDouble);
  const torch::Tensor targets = indices({0, 1, 2, 3, 3, -100});
  const std::vector<double> weights{0.2, 1, 3, 0.5};
  for (const double smoothing : {0.0, 0.2}) {
    const torch::Tensor expected = at::cross_entropy_loss(logits, targets, torch::tensor(weights, torch::kDouble),
                                                          at::Reduction::Mean, -100, smoothing);
    const torch::Tensor actual = cross_entropy(
        logits, targets,
        {.class_weights = weights, .class_weighting = ClassWeighting::kPerClass, .label_smoothing = smoothing});
    EXPECT_NEAR(item(actual), item(expected), 1e-12);
  }
}

// pytorch#66076: on a GPU a wrong target was a device-side assertion that ended the context.
TEST(CrossEntropyCorner, NamesTheTargetThatIsNoClass) {
  for (const auto type : {torch::kLong, torch::kInt, torch::kShort}) {
    const auto call = [&](std::int64_t y) {
      return [=] { cross_entropy(torch::zeros({3, 37}), indices({0, y, 1}).to(type)); };
    };
    EXPECT_EQ(thrown_message<std::invalid_argument>(call(37)),
              "[cross_entropy] target 37 at position 1 is no class index; 37 classes allow 0 to 36");
    EXPECT_EQ(thrown_message<std::invalid_argument>(call(-1)),
              "[cross_entropy] target -1 at position 1 is no class index; 37 classes allow 0 to 36");
  }
  EXPECT_THROW(cross_entropy(torch::zeros({1, 37}), torch::full({1}, 255, torch::kByte)), std::invalid_argument);
}

TEST(CrossEntropyCorner, AWrongTargetLeavesLogitsThatCouldBeOverwrittenAsTheyAre) {
  const torch::Tensor logits = torch::randn({2, 3});
  const torch::Tensor before = logits.clone();
  EXPECT_THROW(cross_entropy_with_gradient(logits, indices({0, 3}), {.gradient_place = GradientPlace::kOverLogits}),
               std::invalid_argument);
  EXPECT_TRUE(torch::equal(logits, before));
}

TEST(CrossEntropyCorner, LogitsUpToTheLargestFiniteNumberAreFine) {
  for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16, torch::kHalf}) {
    const double largest =
        type == torch::kHalf ? 65504 : (type == torch::kBFloat16 ? 3.3e38 : (type == torch::kFloat ? 3.4e38 : 1.7e308));
    const torch::Tensor logits = torch::tensor({{-largest, largest}, {largest, largest}}, torch::kDouble).to(type);
    const LossAndGradient both = cross_entropy_with_gradient(logits, indices({1, 0}), {.reduction = Reduction::kNone});
    EXPECT_EQ(item(both.loss[0]), 0);
    EXPECT_NEAR(item(both.loss[1]), std::log(2.0), 1e-6);
    EXPECT_NEAR(item(both.gradient[1][0]), -0.5, 1e-6);
    EXPECT_TRUE(both.gradient.isfinite().all().item<bool>());
  }
}

TEST(CrossEntropyCorner, ALossBeyondFloatIsInfinityForEveryReduction) {
  const torch::Tensor logits = torch::tensor({{-3e38F, 3e38F}});
  for (const auto reduction : {Reduction::kMean, Reduction::kSum, Reduction::kNone}) {
    EXPECT_EQ(item(cross_entropy(logits, indices({0}), {.reduction = reduction})), kFloatInfinity);
  }
}

TEST(CrossEntropyCorner, Uint8TargetsKnowNoMinusHundred) {
  const torch::Tensor logits = torch::randn({2, 200});
  const torch::Tensor targets = torch::tensor({156, 3}, torch::kByte);  // -100 as uint8
  const torch::Tensor expected = cross_entropy(logits, targets.to(torch::kLong));
  EXPECT_TRUE(torch::equal(cross_entropy(logits, targets), expected));
  EXPECT_NEAR(item(cross_entropy_formula(logits, targets, {})), item(expected), 1e-5);
  EXPECT_NEAR(item(loss::nll_loss(loss::log_softmax(logits), targets)), item(expected), 1e-5);
}

TEST(CrossEntropyCorner, NegatedViewsAreReadAsTheyAre) {
  const torch::Tensor z = torch::randn({3, 5});
  const torch::Tensor view = torch::_neg_view(z);
  EXPECT_TRUE(torch::equal(cross_entropy(view, indices({0, 1, 2})), cross_entropy(-z, indices({0, 1, 2}))));
}

TEST(CrossEntropyCorner, SmoothingOverTheLargestFiniteNumbersIsFinite) {
  const torch::Tensor logits = torch::tensor({{-3e38F, 3e38F}});
  const torch::Tensor loss = cross_entropy(logits, indices({1}), {.label_smoothing = 0.1});
  EXPECT_NEAR(item(loss) / 3e37, 1, 1e-6);  // (.1 / 2) · 6e38
}

TEST(CrossEntropyCorner, OneClassAlwaysHasLossZero) {
  for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16, torch::kHalf}) {
    const torch::Tensor logits = torch::tensor({{-3.5}, {7.0}, {1.0}}, torch::kDouble).to(type);
    const LossAndGradient both = cross_entropy_with_gradient(logits, indices({0, 0, 0}));
    EXPECT_EQ(item(both.loss), 0);
    EXPECT_TRUE(all_zero(both.gradient));
  }
}

TEST(CrossEntropyCorner, TwoHundredThousandClassesInHalfPrecision) {
  constexpr std::int64_t kClasses = 200'000;
  for (const auto type : {torch::kBFloat16, torch::kHalf}) {
    const torch::Tensor logits = torch::zeros({2, kClasses}).to(type);
    const LossAndGradient both =
        cross_entropy_with_gradient(logits, indices({0, kClasses - 1}), {.reduction = Reduction::kNone});
    EXPECT_NEAR(item(both.loss[0]), std::log(200'000.0), 1e-5);
    EXPECT_NEAR(item(both.gradient[1][kClasses - 1]), -1, 1e-3);
    EXPECT_NEAR(item(both.gradient[1][5]) * kClasses, 1, 1e-2);
  }
}

TEST(CrossEntropyCorner, MinusInfinityIsAClassThatCannotBe) {
  const torch::Tensor logits = torch::tensor({{1.0F, -kFloatInfinity, 2.0F}});
  const LossAndGradient both = cross_entropy_with_gradient(logits, indices({2}));
  EXPECT_NEAR(item(both.loss), std::log(1 + std::exp(-1.0)), 1e-6);
  EXPECT_EQ(item(both.gradient[0][1]), 0);
  EXPECT_EQ(item(cross_entropy(logits, indices({1}))), kFloatInfinity);
}

TEST(CrossEntropyCorner, ADistributionMayGiveAnImpossibleClassNothing) {
  const torch::Tensor logits = torch::tensor({{1.0F, -kFloatInfinity, 2.0F}});
  const torch::Tensor soft = torch::tensor({{0.5F, 0.0F, 0.5F}});
  const double expected = 0.5 + std::log(1 + std::exp(-1.0));
  EXPECT_NEAR(item(cross_entropy(logits, soft)), expected, 1e-6);
  EXPECT_NEAR(item(cross_entropy_formula(logits, soft, {})), expected, 1e-6);
}

TEST(CrossEntropyCorner, InfinityAndNanAreNeverHidden) {
  for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16, torch::kHalf}) {
    for (const float bad : {kFloatInfinity, kFloatNan}) {
      for (const std::int64_t at : {0, 20, 36}) {
        torch::Tensor logits = torch::randn({2, 37});
        logits[1][at] = bad;
        const torch::Tensor losses = cross_entropy(logits.to(type), indices({3, 3}), {.reduction = Reduction::kNone});
        EXPECT_TRUE(std::isfinite(item(losses[0])));
        EXPECT_TRUE(std::isnan(item(losses[1]))) << bad << " at " << at;
      }
    }
  }
}

TEST(CrossEntropyCorner, ProbabilitiesAreNotLogits) {
  const torch::Tensor probabilities = loss::softmax(torch::randn({4, 5}));
  const auto call = [&](LogitsCheck check) {
    return [=] { cross_entropy(probabilities, indices({0, 1, 2, 3}), {.logits_check = check}); };
  };
  const std::string message = thrown_message<std::invalid_argument>(call(LogitsCheck::kRefuseProbabilities));
  EXPECT_NE(message.find("the logits look like probabilities"), std::string::npos) << message;
  EXPECT_NO_THROW(call(LogitsCheck::kNone)());
  EXPECT_NO_THROW(cross_entropy(torch::eye(3), indices({0, 1, 2}))) << "made by hand, not by a softmax";
}

TEST(CrossEntropyCorner, SoftTargetsMustBeDistributions) {
  const torch::Tensor logits = torch::zeros({2, 2});
  const auto call = [&](const torch::Tensor& soft) { return [=] { cross_entropy(logits, soft); }; };
  EXPECT_EQ(thrown_message<std::invalid_argument>(call(torch::tensor({{0.5F, 0.5F}, {-0.5F, 1.5F}}))),
            "[cross_entropy] soft targets must be probabilities, got -0.5 at position 2");
  const std::string none = thrown_message<std::invalid_argument>(call(torch::zeros({2, 2})));
  EXPECT_NE(none.find("sums to 0; for \"none of these\""), std::string::npos) << none;
  const std::string indices_as_floats = thrown_message<std::invalid_argument>(call(torch::zeros({2})));
  EXPECT_NE(indices_as_floats.find("targets.to(torch::kLong)"), std::string::npos) << indices_as_floats;
}

TEST(CrossEntropyCorner, OptionsOutOfRangeAreNamed) {
  const auto call = [](const CrossEntropyOptions& options) {
    return [=] { cross_entropy(torch::randn({1, 3}), indices({0}), options); };
  };
  EXPECT_EQ(thrown_message<std::invalid_argument>(call({.label_smoothing = 1.5})),
            "[cross_entropy] label_smoothing must lie in [0, 1], got 1.5");
  EXPECT_EQ(thrown_message<std::invalid_argument>(call({.class_weights = {1, 2}})),
            "[cross_entropy] class_weights must be 3 numbers, one per class, got 2");
  EXPECT_EQ(thrown_message<std::invalid_argument>(call({.class_weights = {1, -2, 1}})),
            "[cross_entropy] class_weights[1] must be finite and not negative, got -2");
  EXPECT_THROW(call({.temperature = 0})(), std::invalid_argument);
}

}  // namespace
}  // namespace margay::loss
