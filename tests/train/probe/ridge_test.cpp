#include "margay/train/probe/ridge.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

using testing_support::thrown_message;

/// A problem whose classes depend on the features, with unequal weights.
struct RidgeCase {
  torch::Tensor rows;
  torch::Tensor targets;
  torch::Tensor weights;

  RidgeCase(std::int64_t images, std::int64_t features, std::int64_t targets_count, std::uint64_t seed = 3) {
    torch::manual_seed(seed);
    rows = (torch::randn({images, features}) + 2) / std::sqrt(5.0 * static_cast<double>(features));  // of norm 1
    targets = rows.to(torch::kDouble).matmul(torch::randn({features, targets_count}, torch::kDouble)) +
              0.3 * torch::randn({images, targets_count}, torch::kDouble);
    weights = torch::rand({images}, torch::kDouble) + 0.1;
  }
};

/// The textbook's way: the normal equations with a column of ones that is not penalised.
LinearMap refit(const torch::Tensor& rows, const torch::Tensor& targets, const torch::Tensor& weights,
                double strength) {
  const std::int64_t d = rows.size(1);
  const torch::Tensor x = torch::cat({rows.to(torch::kDouble), torch::ones({rows.size(0), 1}, torch::kDouble)}, 1);
  torch::Tensor penalty = torch::eye(d + 1, torch::kDouble) * strength;
  penalty[d][d] = 0;
  const torch::Tensor weighted = x * weights.unsqueeze(1);
  const torch::Tensor solution = torch::linalg_solve(x.t().matmul(weighted) + penalty, weighted.t().matmul(targets));
  return {.weight = solution.narrow(0, 0, d).t().contiguous(), .bias = solution[d].clone()};
}

torch::Tensor outputs_of(const LinearMap& map, const torch::Tensor& rows) {
  return rows.to(torch::kDouble).matmul(map.weight.t()) + map.bias;
}

/// Fits anew without each group.
torch::Tensor refit_without_groups(const RidgeCase& data, const torch::Tensor& groups, double strength) {
  torch::Tensor outputs = torch::empty_like(data.targets);
  for (std::int64_t g = 0; g <= groups.max().item<std::int64_t>(); ++g) {
    const torch::Tensor inside = (groups == g).nonzero().squeeze(1);
    if (inside.size(0) == 0) continue;
    const torch::Tensor outside = (groups != g).nonzero().squeeze(1);
    const auto some = [&](const torch::Tensor& all) { return all.index_select(0, outside); };
    const LinearMap map = refit(some(data.rows), some(data.targets), some(data.weights), strength);
    outputs.index_copy_(0, inside, outputs_of(map, data.rows.index_select(0, inside)));
  }
  return outputs;
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

struct RidgeShape {
  std::int64_t images;
  std::int64_t features;
  std::string form;
};

class RidgeOfBothForms : public testing::TestWithParam<RidgeShape> {
 protected:
  RidgeCase data_{GetParam().images, GetParam().features, 3};
  torch::Tensor alone_ = torch::arange(GetParam().images);
};

TEST_P(RidgeOfBothForms, SolvesTheNormalEquations) {
  const Ridge ridge(RidgeRows::of(data_.rows), data_.targets, {.weights = data_.weights});
  for (const double strength : {0.01, 1.0, 100.0}) {
    const LinearMap map = ridge.solve(strength);
    const LinearMap expected = refit(data_.rows, data_.targets, data_.weights, strength);
    EXPECT_LT(largest_difference(map.weight, expected.weight), 1e-9);
    EXPECT_LT(largest_difference(map.bias, expected.bias), 1e-9);
  }
}

TEST_P(RidgeOfBothForms, LeavesEachImageOutAsAFitWithoutItDoes) {
  const Ridge ridge(RidgeRows::of(data_.rows), data_.targets, {.weights = data_.weights});
  for (const double strength : {0.01, 1.0, 100.0}) {
    EXPECT_LT(largest_difference(ridge.left_out(strength), refit_without_groups(data_, alone_, strength)), 1e-9);
  }
}

TEST_P(RidgeOfBothForms, LeavesGroupsOutAsAFitWithoutThemDoes) {
  const torch::Tensor groups = torch::randint(0, 9, {GetParam().images}, torch::kLong);
  groups.narrow(0, 0, GetParam().images / 2).fill_(4);  // more images than directions where features are few
  groups.narrow(0, GetParam().images - 5, 5).copy_(torch::arange(20, 25));
  const Ridge ridge(RidgeRows::of(data_.rows), data_.targets, {.weights = data_.weights, .groups = groups});
  for (const double strength : {0.01, 1.0, 100.0}) {
    EXPECT_LT(largest_difference(ridge.left_out(strength), refit_without_groups(data_, groups, strength)), 1e-9);
  }
}

TEST_P(RidgeOfBothForms, JudgesImagesWithoutWeightByTheOthers) {
  data_.weights.narrow(0, 2, 3).zero_();
  const torch::Tensor groups = alone_.clone();
  groups.narrow(0, 4, 2).fill_(4);  // one of them with weight, one without
  const Ridge ridge(RidgeRows::of(data_.rows), data_.targets, {.weights = data_.weights, .groups = groups});
  EXPECT_LT(largest_difference(ridge.left_out(1), refit_without_groups(data_, groups, 1)), 1e-9);
}

TEST_P(RidgeOfBothForms, GivesTheSameInChunksAsAtOnce) {
  const torch::Tensor groups = torch::randint(0, 12, {GetParam().images}, torch::kLong);
  const auto ridge = [&](std::int64_t chunk) {
    return Ridge(RidgeRows::of(data_.rows), data_.targets, {.groups = groups, .chunk = chunk});
  };
  EXPECT_LT(largest_difference(ridge(7).left_out(0.5), ridge(10'000).left_out(0.5)), 1e-11);
  EXPECT_LT(largest_difference(ridge(7).solve(0.5).weight, ridge(10'000).solve(0.5).weight), 1e-11);
}

TEST_P(RidgeOfBothForms, TakesADecompositionForEachLabelWithWeightsOfItsOwn) {
  const torch::Tensor weights = torch::rand({GetParam().images, 3}, torch::kDouble) + 0.1;
  const torch::Tensor left_out = Ridge(RidgeRows::of(data_.rows), data_.targets, {.weights = weights}).left_out(0.3);
  for (std::int64_t k = 0; k < 3; ++k) {
    const Ridge one(RidgeRows::of(data_.rows), data_.targets.narrow(1, k, 1), {.weights = weights.select(1, k)});
    EXPECT_LT(largest_difference(left_out.narrow(1, k, 1), one.left_out(0.3)), 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, RidgeOfBothForms,
                         testing::Values(RidgeShape{60, 7, "Gram"}, RidgeShape{40, 90, "Kernel"},
                                         RidgeShape{30, 30, "AsManyImagesAsFeatures"}),
                         [](const auto& shape) { return shape.param.form; });

TEST(Ridge, TakesClassesForOnesAndZeros) {
  const RidgeCase data(50, 6, 1);
  const torch::Tensor classes = torch::arange(50) % 4;
  const Ridge ridge(RidgeRows::of(data.rows), classes, {.num_classes = 5});
  const Ridge ones(RidgeRows::of(data.rows), torch::one_hot(classes, 5).to(torch::kDouble));
  EXPECT_TRUE(torch::equal(ridge.left_out(1), ones.left_out(1)));
  EXPECT_EQ(ridge.left_out(1).size(1), 5);
}

TEST(Ridge, CountsAnImageOfWeightTwoAsTwo) {
  const RidgeCase data(30, 4, 2);
  torch::Tensor weights = torch::ones({30}, torch::kDouble);
  weights[0] = 2;
  const Ridge weighted(RidgeRows::of(data.rows), data.targets, {.weights = weights});
  const Ridge doubled(RidgeRows::of(torch::cat({data.rows, data.rows.narrow(0, 0, 1)})),
                      torch::cat({data.targets, data.targets.narrow(0, 0, 1)}));
  EXPECT_LT(largest_difference(weighted.solve(1).weight, doubled.solve(1).weight), 1e-10);
}

TEST(Ridge, KeepsItsDigitsWhereFeaturesAreFarFromZero) {
  RidgeCase data(40, 5, 1);
  const torch::Tensor near = Ridge(RidgeRows::of(data.rows), data.targets).left_out(1);
  const torch::Tensor far = Ridge(RidgeRows::of(data.rows.to(torch::kDouble) + 1e6), data.targets).left_out(1);
  EXPECT_LT(largest_difference(near, far), 1e-8);
}

TEST(Ridge, GivesTheMeanOfTheOthersForFeaturesThatDoNotVary) {
  const torch::Tensor targets = torch::tensor({0.0, 1.0, 5.0}, torch::kDouble).unsqueeze(1);
  for (const std::int64_t features : {2, 20}) {
    const Ridge ridge(RidgeRows::of(torch::ones({3, features})), targets);
    const torch::Tensor expected = torch::tensor({3.0, 2.5, 0.5}, torch::kDouble).unsqueeze(1);
    EXPECT_LT(largest_difference(ridge.left_out(1e-3), expected), 1e-12);
  }
}

TEST(Ridge, StaysFiniteForAnImageAloneInItsDirectionAndATinyStrength) {
  torch::Tensor rows = torch::zeros({20, 3});
  rows.select(1, 0).copy_(torch::arange(20) % 2);
  rows[7][2] = 1000;  // no other image says anything about this feature
  const torch::Tensor targets = rows.narrow(1, 0, 1).to(torch::kDouble);
  const Ridge ridge(RidgeRows::of(rows), targets);
  const torch::Tensor left_out = ridge.left_out(1e-12);
  EXPECT_TRUE(left_out.isfinite().all().item<bool>());
  EXPECT_NEAR(left_out[6][0].item<double>(), 0, 1e-6);
}

TEST(Ridge, JudgesTheWantedImagesAlone) {
  const RidgeCase data(40, 5, 2);
  const torch::Tensor groups = torch::arange(40).floor_divide(3);
  const Ridge ridge(RidgeRows::of(data.rows), data.targets, {.groups = groups});
  const torch::Tensor wanted = torch::tensor({31, 4, 3, 12}, torch::kLong);
  const torch::Tensor all = ridge.left_out(0.2);
  std::vector<std::int64_t> visited;
  const auto visit = [&](const LeftOutRows& rows) {
    for (std::size_t i = 0; i < rows.positions.size(); ++i) {
      visited.push_back(rows.positions[i]);
      EXPECT_LT(largest_difference(rows.outputs[static_cast<std::int64_t>(i)], all[rows.positions[i]]), 1e-12);
    }
  };
  ridge.for_each_left_out(std::vector<double>{0.2}, visit, wanted);
  std::sort(visited.begin(), visited.end());
  EXPECT_EQ(visited, (std::vector<std::int64_t>{3, 4, 12, 31}));
}

std::string refused(const torch::Tensor& rows, const torch::Tensor& targets, const RidgeOptions& options = {}) {
  return thrown_message<std::invalid_argument>([&] { Ridge(RidgeRows::of(rows), targets, options); });
}

TEST(Ridge, RefusesWhatCannotBeFitted) {
  const torch::Tensor rows = torch::rand({4, 2});
  const torch::Tensor targets = torch::rand({4, 3});
  EXPECT_NE(refused(rows, torch::rand({5, 3})).find("5 targets for 4 images"), std::string::npos);
  EXPECT_NE(refused(rows.narrow(0, 0, 1), targets.narrow(0, 0, 1)).find("two images"), std::string::npos);
  EXPECT_NE(refused(rows, torch::rand({4, 0})).find("there must be a target"), std::string::npos);
  EXPECT_NE(refused(rows, torch::tensor({0, 1, 2, 3}), {.num_classes = 3}).find("0 … 2"), std::string::npos);
  EXPECT_NE(refused(rows, targets, {.weights = torch::tensor({1.0, -1.0, 1.0, 1.0})}).find("not negative"),
            std::string::npos);
  EXPECT_NE(refused(rows, targets, {.weights = torch::zeros({4})}).find("some image"), std::string::npos);
  EXPECT_NE(refused(rows, targets, {.groups = torch::zeros({4}, torch::kLong)}).find("one group"), std::string::npos);
  EXPECT_NE(refused(rows, targets, {.weights = torch::ones({4, 3}), .most_label_numbers = 11})
                .find("3 decompositions of 2 x 2"),
            std::string::npos);
  const Ridge ridge(RidgeRows::of(rows), targets);
  EXPECT_THROW(ridge.left_out(0), std::invalid_argument);
  EXPECT_THROW(ridge.solve(std::nan("")), std::invalid_argument);
}

TEST(Ridge, NamesTheImageWhoseFeaturesAreNotFinite) {
  torch::Tensor rows = torch::rand({6, 2});
  rows[4][1] = std::numeric_limits<float>::quiet_NaN();
  const auto fit = [&] { Ridge(RidgeRows::of(rows), torch::rand({6, 1})); };
  EXPECT_NE(thrown_message<std::invalid_argument>(fit).find("image 4"), std::string::npos);
}

TEST(Ridge, ReadsRowsOnlyWhereItNeedsThem) {
  const RidgeCase data(1000, 8, 2);
  std::int64_t most = 0;
  RidgeRows rows = RidgeRows::of(data.rows);
  const auto inner = rows.read;
  rows.read = [&](std::span<const std::int64_t> positions) {
    most = std::max(most, static_cast<std::int64_t>(positions.size()));
    return inner(positions);
  };
  const Ridge ridge(rows, data.targets, {.chunk = 64});
  ridge.for_each_left_out(std::vector<double>{0.1, 1.0}, [](const LeftOutRows& some) {
    EXPECT_LE(some.positions.size(), 64U);
    EXPECT_EQ(some.outputs.size(0), static_cast<std::int64_t>(some.positions.size()));
  });
  EXPECT_EQ(most, 64);
}

}  // namespace
}  // namespace margay::train
