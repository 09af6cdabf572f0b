// cross_entropy against the numbers of PyTorch and fastai.
#include <utility>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/loss/cross_entropy.h"
#include "margay/loss/focal_loss.h"
#include "tests/support/golden_loss.h"

namespace margay::loss {
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
}  // namespace margay::loss
