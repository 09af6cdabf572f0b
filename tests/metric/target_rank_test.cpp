#include "margay/metric/target_rank.h"

#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/golden.h"
#include "tests/support/golden_tensor.h"

namespace margay::metric {
namespace {

// Of equal logits scikit-learn puts the last class first, Margay the first one: it is given the classes in reverse.
TEST(TopKAccuracy, IsScikitLearns) {
  for (const auto& each : testing_support::golden("interpretation.json")["one_label"]) {
    if (!each.contains("top_1_accuracy")) continue;
    const torch::Tensor logits = testing_support::tensor_of(each["logits"]).flip(1);
    const torch::Tensor targets = logits.size(1) - 1 - testing_support::tensor_of(each["targets"]).to(torch::kLong);
    for (int k = 1; k <= 3; ++k) {
      EXPECT_NEAR(top_k_accuracy(logits, targets, k), each["top_" + std::to_string(k) + "_accuracy"], 1e-12);
    }
  }
}

TEST(TargetRanks, PutTheFirstOfEqualLogitsFirst) {
  const torch::Tensor logits = torch::tensor({{1.0F, 1.0F, 0.0F}, {1.0F, 1.0F, 0.0F}, {0.0F, 1.0F, 2.0F}});
  EXPECT_EQ(target_ranks(logits, torch::tensor({0, 1, 0}, torch::kLong)), (std::vector<std::int32_t>{0, 1, 2}));
}

TEST(TopKAccuracy, IsOneForAllClassesAndNothingForNoImage) {
  EXPECT_EQ(top_k_accuracy(torch::zeros({2, 3}), torch::tensor({2, 1}, torch::kLong), 99), 1);
  EXPECT_TRUE(std::isnan(top_k_accuracy(torch::zeros({0, 3}), torch::zeros({0}, torch::kLong), 1)));
}

TEST(TopKAccuracy, RefusesATargetThatIsNoClass) {
  EXPECT_THROW(top_k_accuracy(torch::zeros({1, 3}), torch::tensor({3}, torch::kLong), 1), std::invalid_argument);
  EXPECT_THROW(top_k_accuracy(torch::zeros({1, 3}), torch::tensor({1}, torch::kLong), 0), std::invalid_argument);
}

}  // namespace
}  // namespace margay::metric
