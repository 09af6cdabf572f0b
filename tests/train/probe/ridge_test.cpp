#include "margay/train/probe/ridge.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/collective/process_group.h"
#include "margay/model/cpu_threads.h"
#include "tests/support/joined_threads.h"
#include "tests/support/temporary_folder.h"
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
LinearMap ridge_refit(const torch::Tensor& rows, const torch::Tensor& targets, const torch::Tensor& weights,
                      double strength) {
  const std::int64_t d = rows.size(1);
  const torch::Tensor x = torch::cat({rows.to(torch::kDouble), torch::ones({rows.size(0), 1}, torch::kDouble)}, 1);
  torch::Tensor penalty = torch::eye(d + 1, torch::kDouble) * strength;
  penalty[d][d] = 0;
  const torch::Tensor weighted = x * weights.unsqueeze(1);
  const torch::Tensor solution = torch::linalg_solve(x.t().matmul(weighted) + penalty, weighted.t().matmul(targets));
  return {.weight = solution.narrow(0, 0, d).t().contiguous(), .bias = solution[d].clone()};
}

torch::Tensor ridge_outputs(const LinearMap& map, const torch::Tensor& rows) {
  return rows.to(torch::kDouble).matmul(map.weight.t()) + map.bias;
}

/// Fits anew without each group.
torch::Tensor ridge_refits_without_groups(const RidgeCase& data, const torch::Tensor& groups, double strength) {
  torch::Tensor outputs = torch::empty_like(data.targets);
  for (std::int64_t i = 0; i < groups.size(0); ++i) {
    const torch::Tensor g = groups[i];
    const torch::Tensor inside = (groups == g).nonzero().squeeze(1);
    if (inside[0].item<std::int64_t>() < i) continue;
    const torch::Tensor outside = (groups != g).nonzero().squeeze(1);
    const auto some = [&](const torch::Tensor& all) { return all.index_select(0, outside); };
    const LinearMap map = ridge_refit(some(data.rows), some(data.targets), some(data.weights), strength);
    outputs.index_copy_(0, inside, ridge_outputs(map, data.rows.index_select(0, inside)));
  }
  return outputs;
}

double ridge_difference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

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
    const LinearMap expected = ridge_refit(data_.rows, data_.targets, data_.weights, strength);
    EXPECT_LT(ridge_difference(map.weight, expected.weight), 1e-9);
    EXPECT_LT(ridge_difference(map.bias, expected.bias), 1e-9);
  }
}

TEST_P(RidgeOfBothForms, LeavesEachImageOutAsAFitWithoutItDoes) {
  const Ridge ridge(RidgeRows::of(data_.rows), data_.targets, {.weights = data_.weights});
  for (const double strength : {0.01, 1.0, 100.0}) {
    EXPECT_LT(ridge_difference(ridge.left_out(strength), ridge_refits_without_groups(data_, alone_, strength)), 1e-9);
  }
}

/// Groups of 1 to 5 images, one of 30 and one of half of all.
torch::Tensor ridge_groups_of_many_sizes(std::int64_t images) {
  torch::Tensor groups = torch::arange(images);
  for (std::int64_t at = 0, size = 1; at + size < images / 3; at += size, size = size % 5 + 1) {
    groups.narrow(0, at, size).fill_(1000 - at);
  }
  groups.narrow(0, images / 2, images - images / 2).fill_(-7);
  if (images > 100) groups.narrow(0, images / 3, 30).fill_(-3);
  return groups.index_select(0, torch::randperm(images));
}

TEST_P(RidgeOfBothForms, LeavesGroupsOutAsAFitWithoutThemDoes) {
  const torch::Tensor groups = ridge_groups_of_many_sizes(GetParam().images);
  const Ridge ridge(RidgeRows::of(data_.rows), data_.targets, {.weights = data_.weights, .groups = groups});
  for (const double strength : {0.01, 1.0, 100.0}) {
    EXPECT_LT(ridge_difference(ridge.left_out(strength), ridge_refits_without_groups(data_, groups, strength)), 1e-9);
  }
}

TEST_P(RidgeOfBothForms, JudgesImagesWithoutWeightByTheOthers) {
  for (const torch::Tensor& groups : {alone_, ridge_groups_of_many_sizes(GetParam().images)}) {
    data_.weights = torch::rand({GetParam().images}, torch::kDouble) + 0.1;
    data_.weights.masked_fill_(torch::rand({GetParam().images}) < 0.3, 0);
    const Ridge ridge(RidgeRows::of(data_.rows), data_.targets, {.weights = data_.weights, .groups = groups});
    EXPECT_LT(ridge_difference(ridge.left_out(1), ridge_refits_without_groups(data_, groups, 1)), 1e-9);
  }
}

TEST_P(RidgeOfBothForms, VisitsOnlyTheImagesThatAreWanted) {
  const torch::Tensor groups = ridge_groups_of_many_sizes(GetParam().images);
  const Ridge ridge(RidgeRows::of(data_.rows), data_.targets, {.groups = groups});
  const torch::Tensor wanted = torch::arange(1, GetParam().images, 3);
  const std::vector<double> strengths = {0.1, 10};
  std::vector<torch::Tensor> outputs(2, torch::full_like(data_.targets, -1));
  for (torch::Tensor& some : outputs) some = some.clone();
  std::int64_t visited = 0;
  ridge.for_each_left_out(
      strengths,
      [&](const LeftOutRows& rows) {
        for (std::size_t i = 0; i < rows.positions.size(); ++i, ++visited) {
          outputs[rows.strength][rows.positions[i]] = rows.outputs[static_cast<std::int64_t>(i)];
        }
      },
      wanted);
  EXPECT_EQ(visited, 2 * wanted.size(0));
  for (std::size_t i = 0; i < 2; ++i) {
    const torch::Tensor all = ridge.left_out(strengths[i]);
    EXPECT_LT(ridge_difference(outputs[i].index_select(0, wanted), all.index_select(0, wanted)), 1e-11);
    EXPECT_EQ((outputs[i] == -1).sum().item<std::int64_t>(), outputs[i].numel() - wanted.size(0) * 3);
  }
}

TEST_P(RidgeOfBothForms, GivesTheSameInChunksAsAtOnce) {
  const torch::Tensor groups = ridge_groups_of_many_sizes(GetParam().images);
  const auto ridge = [&](std::int64_t chunk) {
    return Ridge(RidgeRows::of(data_.rows), data_.targets, {.groups = groups, .chunk = chunk});
  };
  EXPECT_LT(ridge_difference(ridge(7).left_out(0.5), ridge(10'000).left_out(0.5)), 1e-11);
  EXPECT_LT(ridge_difference(ridge(7).solve(0.5).weight, ridge(10'000).solve(0.5).weight), 1e-11);
}

TEST_P(RidgeOfBothForms, GivesTheSameFromAFileBitForBit) {
  const testing_support::TemporaryFolder folder;
  const auto path = folder.path() / "rows";
  std::ofstream(path, std::ios::binary)
      .write(static_cast<const char*>(data_.rows.data_ptr()), static_cast<std::streamsize>(data_.rows.nbytes()));
  const std::int64_t width = GetParam().features;
  RidgeRows rows = {
      .images = GetParam().images, .features = width, .read = [&](std::span<const std::int64_t> positions) {
        std::ifstream file(path, std::ios::binary);
        torch::Tensor read = torch::empty({static_cast<std::int64_t>(positions.size()), width});
        for (std::size_t i = 0; i < positions.size(); ++i) {
          file.seekg(positions[i] * width * 4);
          file.read(reinterpret_cast<char*>(read[static_cast<std::int64_t>(i)].data_ptr()), width * 4);
        }
        return read;
      }};
  const RidgeOptions options = {.groups = ridge_groups_of_many_sizes(GetParam().images), .chunk = 16};
  const Ridge streamed(rows, data_.targets, options);
  const Ridge in_memory(RidgeRows::of(data_.rows), data_.targets, options);
  EXPECT_TRUE(torch::equal(streamed.left_out(0.5), in_memory.left_out(0.5)));
  EXPECT_TRUE(torch::equal(streamed.solve(0.5).weight, in_memory.solve(0.5).weight));
}

TEST_P(RidgeOfBothForms, ScalesAsItsFormulaDoes) {
  const torch::Tensor expected =
      Ridge(RidgeRows::of(data_.rows), data_.targets, {.weights = data_.weights}).left_out(2);
  const Ridge rows_twice(RidgeRows::of(data_.rows * 2), data_.targets, {.weights = data_.weights});
  EXPECT_LT(ridge_difference(rows_twice.left_out(8), expected), 1e-9);
  const Ridge weights_thrice(RidgeRows::of(data_.rows), data_.targets, {.weights = data_.weights * 3});
  EXPECT_LT(ridge_difference(weights_thrice.left_out(6), expected), 1e-9);
  const Ridge targets_moved(RidgeRows::of(data_.rows), data_.targets * 5 + 1, {.weights = data_.weights});
  EXPECT_LT(ridge_difference(targets_moved.left_out(2), expected * 5 + 1), 1e-9);
}

TEST_P(RidgeOfBothForms, GivesTheSameTwice) {
  const auto left_out = [&] { return Ridge(RidgeRows::of(data_.rows), data_.targets).left_out(1); };
  EXPECT_TRUE(torch::equal(left_out(), left_out()));
}

TEST_P(RidgeOfBothForms, TakesADecompositionForEachLabelWithWeightsOfItsOwn) {
  torch::Tensor weights = torch::rand({GetParam().images, 3}, torch::kDouble) + 0.1;
  weights.select(1, 1).narrow(0, 0, 4).zero_();
  const torch::Tensor groups = ridge_groups_of_many_sizes(GetParam().images);
  const Ridge ridge(RidgeRows::of(data_.rows), data_.targets, {.weights = weights, .groups = groups});
  const torch::Tensor left_out = ridge.left_out(0.3);
  for (std::int64_t k = 0; k < 3; ++k) {
    const torch::Tensor targets = data_.targets.narrow(1, k, 1);
    const Ridge one(RidgeRows::of(data_.rows), targets, {.weights = weights.select(1, k), .groups = groups});
    EXPECT_LT(ridge_difference(left_out.narrow(1, k, 1), one.left_out(0.3)), 1e-12);
    EXPECT_LT(ridge_difference(ridge.solve(0.3).weight[k], one.solve(0.3).weight[0]), 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, RidgeOfBothForms,
                         testing::Values(RidgeShape{160, 7, "Gram"}, RidgeShape{40, 90, "Kernel"},
                                         RidgeShape{30, 30, "AsManyImagesAsFeatures"},
                                         RidgeShape{31, 30, "OneImageMoreThanFeatures"}),
                         [](const auto& shape) { return shape.param.form; });

TEST(Ridge, SharesItsSumsAmongProcessesBitForBit) {
  if (!collective::has_backend(collective::Backend::kGloo)) GTEST_SKIP() << "this LibTorch has no Gloo";
  const RidgeCase data(1'300, 12, 3);
  const auto map = [&](const std::shared_ptr<collective::Group>& group) {
    const model::ThreadCount one_thread(1);
    const RidgeOptions options = {.weights = data.weights, .chunk = 100, .group = group};
    return Ridge(RidgeRows::of(data.rows), data.targets, options).solve(0.1);
  };
  const LinearMap alone = map(collective::one_process());
  testing_support::run_joined(3, [&](const std::shared_ptr<collective::Group>& group) {
    const LinearMap shared = map(group);
    EXPECT_TRUE(shared.weight.equal(alone.weight));
    EXPECT_TRUE(shared.bias.equal(alone.bias));
  });
}

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
  EXPECT_LT(ridge_difference(weighted.solve(1).weight, doubled.solve(1).weight), 1e-10);
}

TEST(Ridge, KeepsItsDigitsWhereFeaturesAreFarFromZero) {
  RidgeCase data(40, 5, 1);
  const torch::Tensor near = Ridge(RidgeRows::of(data.rows), data.targets).left_out(1);
  const torch::Tensor far = Ridge(RidgeRows::of(data.rows.to(torch::kDouble) + 1e6), data.targets).left_out(1);
  EXPECT_LT(ridge_difference(near, far), 1e-8);
}

TEST(Ridge, GivesTheMeanOfTheOthersForFeaturesThatDoNotVary) {
  const torch::Tensor targets = torch::tensor({0.0, 1.0, 5.0}, torch::kDouble).unsqueeze(1);
  for (const std::int64_t features : {2, 20}) {
    const Ridge ridge(RidgeRows::of(torch::ones({3, features})), targets);
    const torch::Tensor expected = torch::tensor({3.0, 2.5, 0.5}, torch::kDouble).unsqueeze(1);
    EXPECT_LT(ridge_difference(ridge.left_out(1e-3), expected), 1e-12);
  }
}

/// With a padding of features that are 0 there are more features than images, so the other form is taken.
TEST(Ridge, GivesTheSameInBothForms) {
  const RidgeCase data(50, 20, 3);
  const torch::Tensor groups = ridge_groups_of_many_sizes(50);
  const RidgeOptions options = {.weights = data.weights, .groups = groups};
  const Ridge gram(RidgeRows::of(data.rows), data.targets, options);
  const Ridge kernel(RidgeRows::of(torch::cat({data.rows, torch::zeros({50, 40})}, 1)), data.targets, options);
  for (const double strength : {1e-3, 1.0, 1e3}) {
    EXPECT_LT(ridge_difference(gram.left_out(strength), kernel.left_out(strength)), 1e-9);
    EXPECT_LT(ridge_difference(gram.solve(strength).weight, kernel.solve(strength).weight.narrow(1, 0, 20)), 1e-9);
  }
}

TEST(Ridge, LeavesOutCopiesOfAnImageWithTheirGroup) {
  RidgeCase data(24, 5, 2);
  data.rows = data.rows.repeat({2, 1});
  data.targets = data.targets.repeat({2, 1});
  data.weights = data.weights.repeat({2});
  const torch::Tensor groups = torch::arange(24).repeat({2});
  for (const std::int64_t padding : {0, 60}) {
    RidgeCase padded = data;
    padded.rows = torch::cat({data.rows, torch::zeros({48, padding})}, 1);
    const Ridge ridge(RidgeRows::of(padded.rows), padded.targets, {.weights = padded.weights, .groups = groups});
    EXPECT_LT(ridge_difference(ridge.left_out(0.01), ridge_refits_without_groups(padded, groups, 0.01)), 1e-9);
  }
}

/// Without a penalty the fit goes through every image: 1 - h is 0, but the strength cancels.
TEST(Ridge, StaysExactForATinyStrengthWhereImagesAreFewerThanFeatures) {
  const RidgeCase data(20, 200, 2);
  const torch::Tensor groups = torch::arange(20).floor_divide(3);
  const RidgeOptions options = {.weights = data.weights, .groups = groups};
  const Ridge ridge(RidgeRows::of(data.rows), data.targets, options);
  EXPECT_LT(ridge_difference(ridge.left_out(1e-9), ridge.left_out(1e-12)), 1e-7);
  EXPECT_LT(ridge_difference(ridge.left_out(1e-14), ridge.left_out(1e-12)), 1e-9);
}

/// What is known of the image alone is what the others say of its other features.
TEST(Ridge, StaysFiniteForAnImageAloneInItsDirectionAndATinyStrength) {
  torch::Tensor rows = torch::zeros({20, 3});
  rows.select(1, 0).copy_(torch::arange(20) % 2);
  rows[7][2] = 1000;  // no other image says anything about this feature
  const torch::Tensor targets = rows.narrow(1, 0, 1).to(torch::kDouble);
  for (const torch::Tensor& groups : {torch::arange(20), torch::arange(20).floor_divide(2)}) {
    const Ridge ridge(RidgeRows::of(rows), targets, {.groups = groups});
    for (const double strength : {1e-4, 1e-12, 1e-100}) {
      const torch::Tensor left_out = ridge.left_out(strength);
      EXPECT_TRUE(left_out.isfinite().all().item<bool>());
      EXPECT_NEAR(left_out[8][0].item<double>(), 0, 1e-4);
    }
    EXPECT_NEAR(ridge.left_out(1e-4)[7][0].item<double>(), 1, 1e-3);
  }
}

TEST(Ridge, JudgesTheOnlyTwoImagesByEachOther) {
  for (const std::int64_t features : {1, 3}) {
    const Ridge ridge(RidgeRows::of(torch::rand({2, features})), torch::tensor({{0.0}, {1.0}}));
    EXPECT_LT(ridge_difference(ridge.left_out(0.5), torch::tensor({{1.0}, {0.0}})), 1e-12);
  }
}

RC_GTEST_PROP(Ridge, LeavesAnyGroupsOutAsAFitWithoutThemDoes, ()) {
  const auto images = *rc::gen::inRange<std::int64_t>(4, 30);
  RidgeCase data(images, *rc::gen::inRange<std::int64_t>(1, 30), 2, *rc::gen::inRange<std::uint64_t>(0, 1000));
  const torch::Tensor groups = torch::randint(0, *rc::gen::inRange<std::int64_t>(2, 20), {images}, torch::kLong);
  groups[0] = 0;
  groups[1] = 1;
  if (*rc::gen::arbitrary<bool>()) data.weights.narrow(0, 2, images / 3).zero_();
  const double strength = std::pow(10.0, *rc::gen::inRange(-2, 4));
  const Ridge ridge(RidgeRows::of(data.rows), data.targets,
                    {.weights = data.weights, .groups = groups, .chunk = *rc::gen::inRange<std::int64_t>(1, 40)});
  RC_ASSERT(ridge_difference(ridge.left_out(strength), ridge_refits_without_groups(data, groups, strength)) < 1e-8);
}

std::string ridge_refusal(const torch::Tensor& rows, const torch::Tensor& targets, const RidgeOptions& options = {}) {
  return thrown_message<std::invalid_argument>([&] { Ridge(RidgeRows::of(rows), targets, options); });
}

TEST(Ridge, RefusesWhatCannotBeFitted) {
  const torch::Tensor rows = torch::rand({4, 2});
  const torch::Tensor targets = torch::rand({4, 3});
  EXPECT_NE(ridge_refusal(rows, torch::rand({5, 3})).find("5 targets for 4 images"), std::string::npos);
  EXPECT_NE(ridge_refusal(rows.narrow(0, 0, 1), targets.narrow(0, 0, 1)).find("two images"), std::string::npos);
  EXPECT_NE(ridge_refusal(rows, torch::rand({4, 0})).find("a class or a target"), std::string::npos);
  EXPECT_NE(ridge_refusal(rows, torch::tensor({0, 1, 2, 3}), {.num_classes = 3}).find("0 … 2"), std::string::npos);
  EXPECT_NE(ridge_refusal(rows, targets, {.weights = torch::tensor({1.0, -1.0, 1.0, 1.0})}).find("not negative"),
            std::string::npos);
  EXPECT_NE(ridge_refusal(rows, targets, {.weights = torch::zeros({4})}).find("no image has weight"),
            std::string::npos);
  EXPECT_NE(ridge_refusal(rows, targets, {.groups = torch::zeros({4}, torch::kLong)}).find("one group"),
            std::string::npos);
  EXPECT_NE(ridge_refusal(rows, targets, {.weights = torch::ones({4, 2})}).find("[N] or [N,K]"), std::string::npos);
  EXPECT_NE(ridge_refusal(rows, targets, {.groups = torch::zeros({3}, torch::kLong)}).find("4 images, got"),
            std::string::npos);
  EXPECT_NE(ridge_refusal(rows, targets, {.groups = torch::zeros({4})}).find("got Float"), std::string::npos);
  EXPECT_NE(ridge_refusal(rows, targets, {.chunk = 0}).find("chunk"), std::string::npos);
  EXPECT_NE(ridge_refusal(rows, targets.select(1, 0)).find("got Float [4]"), std::string::npos);
  EXPECT_NE(ridge_refusal(rows, targets / 0).find("targets must be finite"), std::string::npos);
  EXPECT_NE(ridge_refusal(rows.narrow(1, 0, 0), targets).find("one feature"), std::string::npos);
  EXPECT_NE(ridge_refusal(rows[0], targets).find("[N,D] on the CPU"), std::string::npos);
  EXPECT_NE(ridge_refusal(rows.to(torch::kDouble) * 1e200, targets).find("squares overflow"), std::string::npos);
}

TEST(Ridge, SaysWhichLabelsWeightIsInOneGroup) {
  torch::Tensor weights = torch::ones({4, 3});
  weights.select(1, 2).narrow(0, 1, 3).zero_();
  const torch::Tensor rows = torch::rand({4, 2});
  EXPECT_NE(ridge_refusal(rows, torch::rand({4, 3}), {.weights = weights}).find("weight for label 2"),
            std::string::npos);
  weights[0][2] = 0;
  EXPECT_NE(ridge_refusal(rows, torch::rand({4, 3}), {.weights = weights}).find("no image has weight for label 2"),
            std::string::npos);
}

TEST(Ridge, RefusesMoreDecompositionsForLabelsThanItMayHold) {
  const RidgeOptions options = {.weights = torch::ones({4, 3}), .most_label_numbers = 11};
  const std::string message = ridge_refusal(torch::rand({4, 2}), torch::rand({4, 3}), options);
  EXPECT_NE(message.find("3 decompositions of 4 numbers"), std::string::npos);
  EXPECT_NO_THROW(Ridge(RidgeRows::of(torch::rand({4, 2})), torch::rand({4, 3}),
                        {.weights = torch::ones({4, 3}), .most_label_numbers = 12}));
}

TEST(Ridge, RefusesStrengthsAndPositionsThatCannotBe) {
  const Ridge ridge(RidgeRows::of(torch::rand({4, 2})), torch::rand({4, 3}));
  for (const double strength : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(ridge.left_out(strength), std::invalid_argument);
    EXPECT_THROW(ridge.solve(strength), std::invalid_argument);
  }
  const auto visit = [](const LeftOutRows& /*rows*/) {};
  const std::vector<double> strengths = {1};
  EXPECT_THROW(ridge.for_each_left_out(strengths, visit, torch::tensor({4})), std::invalid_argument);
  EXPECT_THROW(ridge.for_each_left_out(strengths, visit, torch::tensor({0.0})), std::invalid_argument);
}

TEST(Ridge, NamesTheImageWhoseFeaturesAreNotFinite) {
  for (const std::int64_t features : {2, 20}) {
    for (const float number : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      torch::Tensor rows = torch::rand({6, features});
      rows[4][1] = number;
      EXPECT_NE(ridge_refusal(rows, torch::rand({6, 1}), {.chunk = 3}).find("image 4"), std::string::npos);
    }
  }
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
  const torch::Tensor groups = torch::arange(1000).remainder(400).clamp_max(300);  // one of 198 images
  const Ridge ridge(rows, data.targets, {.groups = groups, .chunk = 64});
  ridge.for_each_left_out(std::vector<double>{0.1, 1.0}, [](const LeftOutRows& some) {
    EXPECT_LE(some.positions.size(), 64U);
    EXPECT_EQ(some.outputs.size(0), static_cast<std::int64_t>(some.positions.size()));
  });
  EXPECT_EQ(most, 64);
}

}  // namespace
}  // namespace margay::train
