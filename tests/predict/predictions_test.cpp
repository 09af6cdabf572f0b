#include "margay/predict/predictions.h"

#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>

namespace margay::predict {
namespace {

using metric::Activation;

/// Rows whose logits are their ids, so that they can be told apart.
Predictions rows_with_ids(const std::vector<std::size_t>& ids) {
  Predictions rows;
  rows.ids = ids;
  rows.logits = torch::empty({rows.size(), 2});
  for (std::int64_t row = 0; row < rows.size(); ++row) {
    rows.logits[row].fill_(static_cast<double>(ids[static_cast<std::size_t>(row)]));
  }
  return rows;
}

TEST(Predictions, ComputeProbabilitiesAndLossesFromLogits) {
  Predictions predictions;
  predictions.targets = torch::tensor({0, 1}, torch::kLong);
  predictions.set_logits(torch::tensor({{0.0F, 0.0F}, {std::log(3.0F), 0.0F}}), Activation::kSoftmax);
  EXPECT_TRUE(predictions.probabilities.allclose(torch::tensor({{0.5F, 0.5F}, {0.75F, 0.25F}})));
  EXPECT_TRUE(predictions.losses.allclose(torch::tensor({std::log(2.0F), std::log(4.0F)})));
}

TEST(Predictions, HaveNoLossesWithoutTargets) {
  Predictions predictions;
  predictions.set_logits(torch::zeros({1, 2}), Activation::kSigmoid);
  EXPECT_TRUE(predictions.probabilities.equal(torch::full({1, 2}, 0.5)));
  EXPECT_FALSE(predictions.losses.defined());
}

TEST(JoinedPredictions, ComeInTheOrderOfTheirIds) {
  Predictions first = rows_with_ids({4, 1});
  first.targets = torch::tensor({14, 11}, torch::kLong);
  Predictions second = rows_with_ids({0, 1});  // 1 again, as a sampler may draw it
  second.targets = torch::tensor({10, 21}, torch::kLong);
  const Predictions all = joined({first, second});
  EXPECT_EQ(all.ids, (std::vector<std::size_t>{0, 1, 1, 4}));
  EXPECT_TRUE(all.logits.equal(torch::tensor({{0.0F, 0.0F}, {1.0F, 1.0F}, {1.0F, 1.0F}, {4.0F, 4.0F}})));
  EXPECT_TRUE(all.targets.equal(torch::tensor({10, 11, 21, 14}, torch::kLong)));
}

TEST(JoinedPredictions, HaveFeaturesAndPValuesInThatOrder) {
  Predictions first = rows_with_ids({4, 1});
  first.features = first.logits * 2;
  first.p_known = torch::tensor({0.4, 0.1}, torch::kDouble);
  Predictions second = rows_with_ids({0});
  second.features = second.logits * 2;
  second.p_known = torch::tensor({0.05}, torch::kDouble);
  const Predictions all = joined({first, second});
  EXPECT_TRUE(all.features.equal(all.logits * 2));
  EXPECT_TRUE(all.p_known.equal(torch::tensor({0.05, 0.1, 0.4}, torch::kDouble)));
  second.p_known = torch::Tensor();
  EXPECT_THROW(joined({first, second}), std::invalid_argument);
}

TEST(JoinedPredictions, NameTheSkippedImagesOfAllParts) {
  Predictions first = rows_with_ids({1});
  first.skipped = {{0, "a.jpg: cut"}};
  Predictions last = rows_with_ids({});
  last.skipped = {{2, "c.jpg: cut"}};
  const Predictions all = joined({first, last});
  EXPECT_EQ(all.ids, (std::vector<std::size_t>{1}));
  ASSERT_EQ(all.skipped.size(), 2U);
  EXPECT_EQ(all.skipped[0].problem, "a.jpg: cut");
  EXPECT_EQ(all.skipped[1].problem, "c.jpg: cut");
  EXPECT_FALSE(all.targets.defined());
}

TEST(JoinedPredictions, RefuseNoPartsAndTargetsInSomeOnly) {
  EXPECT_THROW(joined({}), std::invalid_argument);
  Predictions labelled = rows_with_ids({0});
  labelled.targets = torch::zeros({1}, torch::kLong);
  EXPECT_THROW(joined({labelled, rows_with_ids({1})}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::predict
