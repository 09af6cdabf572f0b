#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/model/weights/tensor_map.h"
#include "tests/support/special_numbers.h"

namespace margay::model {
namespace {

TEST(WeightsDifference, IsNoneBetweenEquals) {
  const TensorMap a = {{"x", torch::tensor({1.0, kNan, kInfinity})}, {"n", torch::tensor({1, 2})}};
  const WeightsDifference difference = weights_difference(a, {{"x", a.at("x").clone()}, {"n", a.at("n").clone()}});
  EXPECT_TRUE(difference.empty());
  EXPECT_EQ(difference.equal, 2);
}

TEST(WeightsDifference, NamesWhatOnlyOneHas) {
  const torch::Tensor one = torch::ones({1});
  const WeightsDifference difference = weights_difference({{"a", one}, {"c", one}}, {{"b", one}, {"c", one}});
  EXPECT_EQ(difference.only_in_a, std::vector<std::string>{"a"});
  EXPECT_EQ(difference.only_in_b, std::vector<std::string>{"b"});
  EXPECT_EQ(difference.equal, 1);
}

TEST(WeightsDifference, HasShapesAndDtypes) {
  const WeightsDifference difference =
      weights_difference({{"s", torch::ones({2, 3})}, {"t", torch::ones({2})}},
                         {{"s", torch::ones({6})}, {"t", torch::ones({2}).to(torch::kHalf)}});
  ASSERT_EQ(difference.shapes.size(), 1U);
  EXPECT_EQ(difference.shapes[0].a, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(difference.shapes[0].b, std::vector<std::int64_t>{6});
  ASSERT_EQ(difference.dtypes.size(), 1U);
  EXPECT_EQ(difference.dtypes[0].b, torch::kHalf);
  EXPECT_TRUE(difference.values.empty());
  EXPECT_EQ(difference.equal, 0);
}

TEST(WeightsDifference, PutsTheLargestFirst) {
  const WeightsDifference difference =
      weights_difference({{"small", torch::tensor({1.0, 2.0})}, {"large", torch::tensor({1.0, 2.0, 3.0})}},
                         {{"small", torch::tensor({1.0, 2.5})}, {"large", torch::tensor({0.0, 2.0, 5.0})}});
  ASSERT_EQ(difference.values.size(), 2U);
  EXPECT_EQ(difference.values[0].name, "large");
  EXPECT_DOUBLE_EQ(difference.values[0].largest, 2);
  EXPECT_EQ(difference.values[0].differing, 2);
  EXPECT_EQ(difference.values[0].values, 3);
  EXPECT_DOUBLE_EQ(difference.values[1].largest, 0.5);
}

TEST(WeightsDifference, IsInfiniteWhereANumberIsMissing) {
  const WeightsDifference difference =
      weights_difference({{"x", torch::tensor({1.0, 2.0})}}, {{"x", torch::tensor({1.0, kNan})}});
  ASSERT_EQ(difference.values.size(), 1U);
  EXPECT_TRUE(std::isinf(difference.values[0].largest));
}

TEST(TensorStatistics, LeaveOutWhatIsNotFinite) {
  const TensorStatistics statistics = statistics_of(torch::tensor({-1.0, kNan, 4.0, kInfinity}));
  EXPECT_EQ(statistics.min, -1);
  EXPECT_EQ(statistics.max, 4);
  EXPECT_EQ(statistics.mean, 1.5);
  EXPECT_EQ(statistics.non_finite, 2);
}

TEST(TensorStatistics, TakeAnyDtypeAndShape) {
  EXPECT_EQ(statistics_of(torch::tensor({true, false})).mean, 0.5);
  EXPECT_EQ(statistics_of(torch::ones({2, 2}, torch::kHalf)).max, 1);
  EXPECT_EQ(statistics_of(torch::tensor(3)).min, 3);
  EXPECT_EQ(statistics_of(torch::zeros({0, 4})).non_finite, 0);
}

}  // namespace

}  // namespace margay::model
