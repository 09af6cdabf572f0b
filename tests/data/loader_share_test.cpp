#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "margay/data/loader/pass_order.h"
#include "margay/data/loader/weighted_sample.h"

namespace margay::data {
namespace {

std::vector<std::size_t> ids_of(const std::vector<PassRow>& rows) {
  std::vector<std::size_t> ids;
  for (const PassRow& row : rows) ids.push_back(row.id);
  return ids;
}

LoaderOptions drawn_options() {
  LoaderOptions options;
  options.world = *rc::gen::inRange(1, 9);
  options.batch_size = *rc::gen::inRange(1, 20);
  options.drop_last = *rc::gen::arbitrary<bool>();
  return options;
}

RC_GTEST_PROP(LoaderShare, LosesAndDoublesNothingInValidation, ()) {
  LoaderOptions options = drawn_options();
  const auto shared_images = *rc::gen::inRange<std::size_t>(1, 200);
  std::vector<std::size_t> all;
  for (options.rank = 0; options.rank < options.world; ++options.rank) {
    const auto ids = ids_of(pass_order(shared_images, {}, Phase::kValid, options, 0));
    RC_ASSERT(std::is_sorted(ids.begin(), ids.end()));
    all.insert(all.end(), ids.begin(), ids.end());
  }
  std::sort(all.begin(), all.end());
  std::vector<std::size_t> expected(shared_images);
  std::iota(expected.begin(), expected.end(), std::size_t{0});
  RC_ASSERT(all == expected);
}

RC_GTEST_PROP(LoaderShare, GivesEveryProcessTheSameNumberOfBatchesInTraining, ()) {
  LoaderOptions options = drawn_options();
  const auto shared_images = *rc::gen::inRange<std::size_t>(static_cast<std::size_t>(options.world), 300);
  const auto share = shared_images / static_cast<std::size_t>(options.world);
  const auto batch_size = static_cast<std::size_t>(options.batch_size);
  const bool drops = options.drop_last && share >= batch_size;
  std::set<std::size_t> all;
  std::size_t served = 0;
  for (options.rank = 0; options.rank < options.world; ++options.rank) {
    const auto ids = ids_of(pass_order(shared_images, {}, Phase::kTrain, options, 7));
    RC_ASSERT(ids.size() == (drops ? share / batch_size * batch_size : share));
    served += ids.size();
    all.insert(ids.begin(), ids.end());
  }
  RC_ASSERT(all.size() == served);  // none twice
}

RC_GTEST_PROP(LoaderShare, MakesOfAllProcessesTheBatchesOfOneWithLargerBatches, ()) {
  LoaderOptions options = drawn_options();
  options.drop_last = true;
  LoaderOptions one = options;
  one.world = 1;
  one.batch_size = options.world * options.batch_size;
  const auto shared_images = *rc::gen::inRange(static_cast<std::size_t>(one.batch_size), std::size_t{400});
  const auto expected = ids_of(pass_order(shared_images, {}, Phase::kTrain, one, 3));
  std::vector<std::size_t> together(expected.size());
  for (options.rank = 0; options.rank < options.world; ++options.rank) {
    for (const PassRow& row : pass_order(shared_images, {}, Phase::kTrain, options, 3)) together.at(row.draw) = row.id;
  }
  RC_ASSERT(together == expected);
}

TEST(WeightedDraw, FollowsTheWeights) {
  const std::vector<double> weights = {0, 1, 3, 0, 6, 0};
  std::vector<int> counts(weights.size());
  constexpr int kDraws = 100'000;
  for (const std::size_t each : sample_weighted(weights, kDraws, core::Random{1})) ++counts.at(each);
  for (std::size_t i = 0; i < weights.size(); ++i) EXPECT_NEAR(counts[i], weights[i] / 10 * kDraws, 0.01 * kDraws);
  EXPECT_EQ(counts[0] + counts[3] + counts[5], 0);
}

TEST(WeightedDraw, IsAFunctionOfItsKey) {
  const std::vector<double> weights(50, 1.0);
  EXPECT_EQ(sample_weighted(weights, 100, core::Random{1, 2}), sample_weighted(weights, 100, core::Random{1, 2}));
  EXPECT_NE(sample_weighted(weights, 100, core::Random{1, 2}), sample_weighted(weights, 100, core::Random{1, 3}));
}

TEST(WeightedDraw, RefusesWeightsThatSayNothing) {
  EXPECT_THROW(sample_weighted(std::vector<double>{0, 0}, 1, core::Random{1}), std::invalid_argument);
  EXPECT_THROW(sample_weighted(std::vector<double>{1, -1}, 1, core::Random{1}), std::invalid_argument);
  EXPECT_THROW(sample_weighted(std::vector<double>{1, std::nan("")}, 1, core::Random{1}), std::invalid_argument);
  EXPECT_THROW(sample_weighted({}, 1, core::Random{1}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::data
