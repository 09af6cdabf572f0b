#include "margay/train/probe/probe_score.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/probe_features.h"

namespace margay::train {
namespace {

using data::Task;
using testing_support::Numbers;

/// Predictions of two classes, of which a share is wrong. copies: images of one group, all right or all wrong.
ProbeScore made_up_score(Numbers& numbers, std::int64_t groups, std::int64_t copies, double share) {
  const torch::Tensor is_wrong = (numbers.uniform({groups}) < share).repeat_interleave(copies);
  predict::Predictions predictions;
  predictions.targets = torch::zeros({groups * copies}, torch::kLong);
  predictions.set_logits(torch::stack({torch::zeros({groups * copies}), is_wrong.to(torch::kFloat) - 0.5}, 1),
                         metric::Activation::kSoftmax);
  return probe_score(predictions, torch::arange(groups).repeat_interleave(copies), Task::kSingleLabel);
}

TEST(ProbeScore, CountsGroupsNotImages) {
  Numbers once(1);
  Numbers thrice(1);
  const ProbeScore single = made_up_score(once, 100, 1, 0.2);
  const ProbeScore copied = made_up_score(thrice, 100, 3, 0.2);
  EXPECT_NEAR(single.error.mean, copied.error.mean, 1e-12);
  EXPECT_NEAR(single.error.standard_error, copied.error.standard_error, 1e-12);
  EXPECT_NEAR(single.loss.standard_error, copied.loss.standard_error, 1e-7);
  EXPECT_EQ(copied.error.count, 300);
  EXPECT_EQ(copied.error.groups, 100);
}

TEST(ProbeScore, OfSeveralLabelsIsTheShareOfWrongDecisions) {
  predict::Predictions predictions;
  predictions.targets = torch::tensor({{1.0F, 0.0F}, {0.0F, 0.0F}});
  predictions.set_logits(torch::tensor({{2.0F, 1.0F}, {-1.0F, -1.0F}}), metric::Activation::kSigmoid);
  EXPECT_EQ(probe_score(predictions, torch::arange(2), Task::kMultiLabel).error.mean, 0.25);
}

TEST(ProbeDisagreement, IsRareAmongSetsThatAreAlike) {
  for (const std::int64_t copies : {1, 4}) {
    Numbers numbers(11);
    int called_different = 0;
    constexpr int kTrials = 1'000;
    for (int trial = 0; trial < kTrials; ++trial) {
      const ProbeScore train = made_up_score(numbers, 300, copies, 0.15);
      const ProbeScore valid = made_up_score(numbers, 80, copies, 0.15);
      if (probe_disagreement(train, valid, Task::kSingleLabel).is_beyond_chance) ++called_different;
    }
    EXPECT_LE(called_different, 2 * kTrials * ProbeDisagreement::kLevel) << copies;  // 3.2 deviations above the level
    EXPECT_GE(called_different, 1) << copies;
  }
}

TEST(ProbeDisagreement, IsFoundInAHarderSet) {
  Numbers numbers(12);
  for (int trial = 0; trial < 20; ++trial) {
    const auto disagreement = probe_disagreement(made_up_score(numbers, 300, 1, 0.07),
                                                 made_up_score(numbers, 80, 1, 0.37), Task::kSingleLabel);
    EXPECT_TRUE(disagreement.is_beyond_chance);
    EXPECT_GT(disagreement.error.value, 0.1);
  }
}

TEST(ProbeDisagreement, SaysNothingOfOneGroup) {
  Numbers numbers(13);
  const ProbeScore train = made_up_score(numbers, 300, 1, 0.2);
  const ProbeScore one_burst = made_up_score(numbers, 1, 50, 1.1);
  EXPECT_EQ(one_burst.error.mean, 1);
  EXPECT_FALSE(probe_disagreement(train, one_burst, Task::kMultiLabel).is_beyond_chance);
  EXPECT_EQ(probe_disagreement(train, train, Task::kSingleLabel).error.p_value, 1);
}

}  // namespace
}  // namespace margay::train
