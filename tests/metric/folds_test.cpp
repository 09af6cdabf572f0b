#include "margay/metric/folds.h"

#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>

namespace margay::metric {
namespace {

TEST(DealFolds, KeepsGroupsWholeAndFoldsEven) {
  const torch::Tensor groups = torch::arange(300).div(7, "floor");
  const torch::Tensor folds = deal_folds(groups, 43, 5, 1);
  for (std::int64_t group = 0; group < 43; ++group) {
    const torch::Tensor own = folds.masked_select(groups == group);
    EXPECT_TRUE((own == own[0]).all().item<bool>());
  }
  const torch::Tensor counts = torch::bincount(folds);
  EXPECT_EQ(counts.size(0), 5);
  EXPECT_LE((counts.max() - counts.min()).item<std::int64_t>(), 7);
  EXPECT_FALSE(folds.equal(deal_folds(groups, 43, 5, 2)));
  EXPECT_EQ(deal_folds(torch::tensor({0, 1, 1}), 2, 5, 1).max().item<std::int64_t>(), 1);
}

TEST(NumberedGroups, CountsInTheOrderOfFirstAppearance) {
  EXPECT_TRUE(numbered_groups(torch::tensor({7, -2, 7, 0}), 4).equal(torch::tensor({0, 1, 0, 2})));
  EXPECT_TRUE(numbered_groups({}, 3).equal(torch::arange(3)));
  EXPECT_THROW(numbered_groups(torch::tensor({1, 2}), 3), std::invalid_argument);
  EXPECT_THROW(numbered_groups(torch::tensor({1.0, 2.0}), 2), std::invalid_argument);
}

}  // namespace
}  // namespace margay::metric
