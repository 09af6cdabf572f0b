#include <utility>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/activation.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/cross_entropy_rows.h"
#include "margay/loss/focal_loss.h"
#include "margay/loss/nll_loss.h"
#include "tests/support/loss_cases.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::thrown_message;

/// Central differences of the mean loss, for every logit. [N,K] double.
torch::Tensor numeric_gradient(const torch::Tensor& logits, const torch::Tensor& targets) {
  constexpr double kStep = 1e-5;
  torch::Tensor gradient = torch::zeros_like(logits);
  for (std::int64_t i = 0; i < logits.numel(); ++i) {
    torch::Tensor nudge = torch::zeros_like(logits);
    nudge.view(-1)[i] = kStep;
    const torch::Tensor rise = cross_entropy(logits + nudge, targets) - cross_entropy(logits - nudge, targets);
    gradient.view(-1)[i] = rise / (2 * kStep);
  }
  return gradient;
}

TEST(CrossEntropy, GradientMatchesFiniteDifferences) {
  torch::manual_seed(3);
  for (const std::int64_t classes : {1, 2, 7}) {
    const torch::Tensor logits = (torch::randn({4, classes}, torch::kDouble) * 3).requires_grad_();
    const torch::Tensor targets = torch::randint(classes, {4}, torch::kLong);
    cross_entropy(logits, targets).backward();
    const torch::Tensor numeric = numeric_gradient(logits.detach(), targets);
    EXPECT_LE((logits.grad() - numeric).abs().max().item<double>(), 1e-8);
  }
}

TEST(CrossEntropy, StaysFiniteForHugeLogits) {
  const torch::Tensor logits = torch::tensor({{1e4, -1e4}, {-3e38, 3e38}});
  const torch::Tensor losses =
      cross_entropy(logits, torch::tensor({1, 1}, torch::kLong), {.reduction = Reduction::kNone});
  EXPECT_EQ(losses[0].item<float>(), 2e4F);
  EXPECT_EQ(losses[1].item<float>(), 0.0F);
}

TEST(CrossEntropy, ComputesHalfPrecisionLogitsInFloat) {
  const torch::Tensor logits = torch::tensor({{1.0F, 2.5F, -3.0F}}).to(torch::kBFloat16);
  const torch::Tensor loss = cross_entropy(logits, torch::tensor({2}, torch::kLong));
  EXPECT_EQ(loss.scalar_type(), torch::kFloat);
  EXPECT_NEAR(loss.item<double>(), 5.704749, 1e-5);
}

TEST(CrossEntropy, TakesPositionsBeyondTheBatch) {
  torch::manual_seed(1);
  const torch::Tensor logits = torch::randn({2, 3, 4});
  const torch::Tensor targets = torch::randint(3, {2, 4}, torch::kLong);
  const torch::Tensor flat = cross_entropy(logits.permute({0, 2, 1}).reshape({8, 3}), targets.reshape({8}));
  EXPECT_NEAR(cross_entropy(logits, targets).item<double>(), flat.item<double>(), 1e-6);
}

TEST(CrossEntropy, NamesTheTargetThatIsNoClass) {
  const auto call = [] { cross_entropy(torch::zeros({3, 37}), torch::tensor({0, 37, 1}, torch::kLong)); };
  EXPECT_EQ(thrown_message<std::invalid_argument>(call),
            "[cross_entropy] target 37 at position 1 is no class index; 37 classes allow 0 to 36");
}

TEST(CrossEntropy, RecognisesOneHotTargets) {
  const auto call = [] { cross_entropy(torch::zeros({3, 4}), torch::eye(4, torch::kLong).narrow(0, 0, 3)); };
  EXPECT_NE(thrown_message<std::invalid_argument>(call).find("one-hot"), std::string::npos);
}

TEST(CrossEntropy, SaysWhichShapeItExpected) {
  const auto call = [] { cross_entropy(torch::zeros({32, 10, 1}), torch::zeros({32}, torch::kLong)); };
  EXPECT_EQ(thrown_message<std::invalid_argument>(call),
            "[cross_entropy] targets must be [32,1] for logits [32,10,1], got [32]");
}

TEST(CrossEntropy, RefusesLogitsWithoutClasses) {
  EXPECT_THROW(cross_entropy(torch::zeros({3}), torch::zeros({3}, torch::kLong)), std::invalid_argument);
  EXPECT_THROW(cross_entropy(torch::zeros({3, 2}, torch::kLong), torch::zeros({3}, torch::kLong)),
               std::invalid_argument);
}

/// float64 [N,K] of any scale, and targets in range.
struct PropertyCase {
  torch::Tensor logits;
  torch::Tensor targets;
};

PropertyCase any_property_case() {
  const auto n = *rc::gen::inRange<std::int64_t>(1, 6);
  const auto k = *rc::gen::inRange<std::int64_t>(1, 9);
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const double scale = *rc::gen::elementOf(std::vector<double>{1e-3, 1, 30, 1e4});
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return {torch::randn({n, k}, generator, torch::kDouble) * scale, torch::randint(k, {n}, generator, torch::kLong)};
}

double largest_difference(const torch::Tensor& tensor) { return tensor.abs().max().item<double>(); }

RC_GTEST_PROP(SoftmaxProperty, RowsAreProbabilities, ()) {
  const torch::Tensor p = loss::softmax(any_property_case().logits);
  RC_ASSERT(largest_difference(p.sum(1) - 1) < 1e-12);
  RC_ASSERT(p.min().item<double>() >= 0);
}

RC_GTEST_PROP(SoftmaxProperty, AddingAConstantToARowChangesNothing, ()) {
  const PropertyCase any = any_property_case();
  const torch::Tensor shifted = any.logits + 17.25;
  RC_ASSERT(largest_difference(loss::softmax(shifted) - loss::softmax(any.logits)) < 1e-9);
  RC_ASSERT(largest_difference(cross_entropy(shifted, any.targets) - cross_entropy(any.logits, any.targets)) < 1e-9);
}

RC_GTEST_PROP(CrossEntropyProperty, GradientIsSoftmaxMinusOnehotOverN, ()) {
  const PropertyCase any = any_property_case();
  const torch::Tensor z = any.logits.clone().requires_grad_();
  const torch::Tensor loss = cross_entropy(z, any.targets);
  RC_ASSERT(loss.item<double>() >= 0);
  loss.backward();
  const torch::Tensor onehot = torch::one_hot(any.targets, z.size(1));
  const torch::Tensor expected = (loss::softmax(any.logits) - onehot) / z.size(0);
  RC_ASSERT(largest_difference(z.grad() - expected) < 1e-12);
}

}  // namespace

// cross_entropy against the numbers of PyTorch and fastai.

namespace {

using testing_support::expect_golden_loss;
using testing_support::expect_near;
using testing_support::kFloatRounding;
using testing_support::tensor_of;

testing_support::ReducedLoss with(CrossEntropyOptions options) {
  return [options](const torch::Tensor& logits, const torch::Tensor& targets, Reduction reduction) mutable {
    options.reduction = reduction;
    return cross_entropy(logits, targets, options);
  };
}

TEST(CrossEntropyGolden, MatchesPyTorchAndFastai) {
  MARGAY_REQUIRE_GOLDEN("losses.json");
  for (const char* key : {"CrossEntropyLossFlat", "CrossEntropyLossFlat_ignore", "CrossEntropy_large_logits",
                          "CrossEntropy_N1", "FocalLoss_gamma0"}) {
    expect_golden_loss(key, torch::kLong, with({}));
  }
}

TEST(CrossEntropyGolden, MatchesWithClassWeights) {
  MARGAY_REQUIRE_GOLDEN("losses.json");
  expect_golden_loss("CrossEntropyLossFlat_weight", torch::kLong, with({.class_weights = {1, 2, .5, 1.5, 3}}));
}

TEST(CrossEntropyGolden, MatchesWithLabelSmoothing) {
  MARGAY_REQUIRE_GOLDEN("losses.json");
  for (const char* key : {"CrossEntropyLossFlat_torch_label_smoothing0.1", "LabelSmoothingCrossEntropy_eps0.1",
                          "LabelSmoothingCrossEntropyFlat"}) {
    expect_golden_loss(key, torch::kLong, with({.label_smoothing = .1}));
  }
  expect_golden_loss("LabelSmoothingCrossEntropy_eps0.2", torch::kLong, with({.label_smoothing = .2}));
}

/// fastai's MixUp: pairs of images, and how much of the first is in the mixture.
struct Mixture {
  explicit Mixture(const char* key) {
    const auto golden = testing_support::golden("losses.json")[key];
    logits = tensor_of(golden["x"]);
    first = tensor_of(golden["y"]).to(torch::kLong);
    second = first.index_select(0, tensor_of(golden["shuffle"]).to(torch::kLong));
    share = tensor_of(golden["lam"]);
    losses = tensor_of(golden["per_item"]);
    mean = tensor_of(golden["loss"]);
  }

  torch::Tensor targets() const {
    const torch::Tensor lambda = share.unsqueeze(1);
    return lambda * torch::one_hot(first, logits.size(1)) + (1 - lambda) * torch::one_hot(second, logits.size(1));
  }

  torch::Tensor logits, first, second, share, losses, mean;
};

TEST(CrossEntropyGolden, MixupIsSoftTargetsAndAlsoTheBlendOfTwoLosses) {
  MARGAY_REQUIRE_GOLDEN("losses.json");
  for (const auto& [key, smoothing] : {std::pair{"mixup_CE", 0.0}, std::pair{"mixup_LS", 0.1}}) {
    SCOPED_TRACE(key);
    const Mixture mixture(key);
    const CrossEntropyOptions rows{.reduction = Reduction::kNone, .label_smoothing = smoothing};
    const torch::Tensor blend = torch::lerp(cross_entropy(mixture.logits, mixture.second, rows),
                                            cross_entropy(mixture.logits, mixture.first, rows), mixture.share);
    expect_near(blend, mixture.losses, kFloatRounding);
    expect_near(cross_entropy(mixture.logits, mixture.targets(), rows), mixture.losses, kFloatRounding);
    expect_near(cross_entropy(mixture.logits, mixture.targets(), {.label_smoothing = smoothing}), mixture.mean,
                kFloatRounding);
  }
}

TEST(CrossEntropyGolden, MixupOfTheFocalLossIsTheBlendOfTwoLosses) {
  MARGAY_REQUIRE_GOLDEN("losses.json");
  const Mixture mixture("mixup_Focal");
  const FocalLossOptions rows{.reduction = Reduction::kNone};
  const torch::Tensor blend = torch::lerp(focal_loss(mixture.logits, mixture.second, rows),
                                          focal_loss(mixture.logits, mixture.first, rows), mixture.share);
  expect_near(blend, mixture.losses, kFloatRounding);
  expect_near(blend.mean(), mixture.mean, kFloatRounding);
}

}  // namespace

// The ways through the kernels that depend on the machine and on size: threads by rows, threads by columns, and
// gradients written past the caches.

namespace {

class CrossEntropyThreads : public testing::Test {
 protected:
  ~CrossEntropyThreads() override { at::set_num_threads(before_); }

  static LossAndGradient with_threads(int threads, const torch::Tensor& logits, const torch::Tensor& targets) {
    at::set_num_threads(threads);
    return cross_entropy_with_gradient(logits, targets, {.label_smoothing = 0.1});
  }

 private:
  int before_ = at::get_num_threads();
};

TEST_F(CrossEntropyThreads, FewLongRowsShareTheirColumns) {
  for (const auto type : {torch::kFloat, torch::kBFloat16}) {
    for (const std::int64_t rows : {1, 2, 3}) {
      const torch::Tensor logits = torch::randn({rows, 70'001}).to(type);
      const torch::Tensor targets = torch::full({rows}, 69'999, torch::kLong);
      const LossAndGradient one = with_threads(1, logits, targets);
      const LossAndGradient four = with_threads(4, logits, targets);
      EXPECT_TRUE(torch::equal(one.loss, four.loss));
      EXPECT_TRUE(torch::equal(one.gradient, four.gradient));
    }
  }
}

TEST_F(CrossEntropyThreads, ManyRowsAreSharedWithTheSameResult) {
  const torch::Tensor logits = torch::randn({3000, 100});
  const torch::Tensor targets = torch::randint(100, {3000}, torch::kLong);
  const LossAndGradient one = with_threads(1, logits, targets);
  const LossAndGradient four = with_threads(4, logits, targets);
  EXPECT_TRUE(torch::equal(one.loss, four.loss));
  EXPECT_TRUE(torch::equal(one.gradient, four.gradient));
}

TEST_F(CrossEntropyThreads, GradientsTooLargeForTheCachesAreTheSame) {
  for (const std::int64_t classes : {30'016, 30'017}) {  // rows aligned to vectors, and not
    const torch::Tensor logits = torch::randn({300, classes});
    const torch::Tensor targets = torch::randint(classes, {300}, torch::kLong);
    const LossAndGradient large = with_threads(2, logits, targets);
    ASSERT_GT(large.gradient.nbytes(), 32U << 20U);
    const torch::Tensor few = logits.narrow(0, 290, 10).clone();
    const LossAndGradient small = with_threads(2, few, targets.narrow(0, 290, 10));
    EXPECT_LE((large.gradient.narrow(0, 290, 10) * 30 - small.gradient).abs().max().item<double>(), 1e-7);
  }
}

}  // namespace

}  // namespace margay::loss
