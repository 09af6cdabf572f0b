#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <numeric>
#include <utility>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/data/loader/loader.h"
#include "margay/data/loader/pass_plan.h"
#include "margay/data/show_batch.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

using testing_support::all_batches;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::tiny_block;
using testing_support::write_tiny_images;

class LoaderTest : public testing::Test {
 protected:
  LoaderTest() { write_tiny_images(folder_.path(), 8, 3); }

  Loaders loaders(const LoaderOptions& options = {.batch_size = 4}) const {
    return tiny_block(folder_.path()).loaders(options);
  }
  void break_image(const std::string& name) const { std::ofstream(folder_ / name) << "not an image"; }

  TemporaryFolder folder_;
};

TEST_F(LoaderTest, ServesNormalisedChannelsLastBatches) {
  const std::vector<Batch> batches = all_batches(loaders().train.pass());
  ASSERT_EQ(batches.size(), 4U);
  EXPECT_EQ(batches[0].images.sizes(), (std::vector<std::int64_t>{4, 3, 16, 16}));
  EXPECT_TRUE(batches[0].images.is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_EQ(batches[0].targets.scalar_type(), torch::kLong);
  EXPECT_EQ(batches[0].ids.size(), 4U);
}

TEST_F(LoaderTest, TrainsOnFullBatchesAndValidatesOnEverything) {
  const Loaders of_five = loaders({.batch_size = 5});
  EXPECT_EQ(of_five.train.num_batches(), 3);
  EXPECT_EQ(all_batches(of_five.train.pass()).size(), 3U);
  EXPECT_EQ(of_five.valid->num_batches(), 2);
  const std::vector<Batch> valid = all_batches(of_five.valid->pass());
  EXPECT_EQ(valid[1].size(), 1);
  EXPECT_EQ(valid[0].ids, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST_F(LoaderTest, MakesABatchOfLessThanABatch) {
  EXPECT_EQ(all_batches(loaders({.batch_size = 64}).train.pass()).at(0).size(), 16);
}

TEST_F(LoaderTest, GivesTheSameNumbersForAnyNumberOfThreads) {
  const auto one = all_batches(loaders({.batch_size = 4, .num_workers = 1}).train.pass(3));
  const auto five = all_batches(loaders({.batch_size = 4, .num_workers = 5, .prefetch = 1}).train.pass(3));
  ASSERT_EQ(one.size(), five.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].ids, five[i].ids);
    EXPECT_TRUE(one[i].images.equal(five[i].images));
    EXPECT_TRUE(one[i].targets.equal(five[i].targets));
  }
}

TEST_F(LoaderTest, ShufflesAnewInEachEpochAndForEachSeed) {
  const auto first = all_batches(loaders().train.pass(0));
  const auto second = all_batches(loaders().train.pass(1));
  const auto reseeded = all_batches(loaders({.batch_size = 4, .seed = 7}).train.pass(0));
  EXPECT_NE(first[0].ids, second[0].ids);
  EXPECT_NE(first[0].ids, reseeded[0].ids);
}

TEST_F(LoaderTest, SkipsAndReportsUnreadableImages) {
  break_image("valid/flat/1.png");
  const Loaders data = loaders();
  LoaderPass pass = data.valid->pass();
  std::size_t images = 0;
  while (const auto batch = pass.next()) {
    EXPECT_EQ(batch->images.size(0), batch->size());
    EXPECT_EQ(batch->targets.size(0), batch->size());
    images += batch->ids.size();
  }
  EXPECT_EQ(images, 5U);
  ASSERT_EQ(pass.skipped().size(), 1U);
  EXPECT_EQ(pass.skipped()[0].id, 1U);
  EXPECT_NE(pass.skipped()[0].problem.find("valid/flat/1.png"), std::string::npos);
}

TEST_F(LoaderTest, StopsAtUnreadableImagesWhenAsked) {
  break_image("valid/flat/1.png");
  const Loaders data = loaders({.batch_size = 4, .unreadable = Unreadable::kStop});
  const auto walk = [&] { all_batches(data.valid->pass()); };
  EXPECT_NE(thrown_message<core::DataError>(walk).find("valid/flat/1.png"), std::string::npos);
}

TEST_F(LoaderTest, FailsWhenNothingCanBeRead) {
  for (const char* kind : {"flat", "upright"}) {
    for (int i = 0; i < 3; ++i) break_image("valid/" + std::string(kind) + "/" + std::to_string(i) + ".png");
  }
  const Loaders data = loaders();
  EXPECT_NE(thrown_message<core::DataError>([&] { all_batches(data.valid->pass()); }).find("not one of 6 images"),
            std::string::npos);
}

TEST_F(LoaderTest, LeavesOutABatchOfWhichNothingIsLeft) {
  for (int i = 0; i < 3; ++i) break_image("valid/flat/" + std::to_string(i) + ".png");
  EXPECT_EQ(all_batches(loaders({.batch_size = 3}).valid->pass()).size(), 1U);
}

TEST_F(LoaderTest, CanBeDroppedInTheMiddle) {
  const Loaders data = loaders({.batch_size = 2, .num_workers = 3});
  for (int i = 0; i < 20; ++i) {
    LoaderPass pass = data.train.pass(i);
    const bool looks_at_one = i % 2 == 0;
    EXPECT_EQ(looks_at_one, looks_at_one && pass.next().has_value());
  }
}

TEST_F(LoaderTest, RefusesOptionsOutOfRange) {
  EXPECT_THROW(loaders({.batch_size = 0}), std::invalid_argument);
  EXPECT_THROW(Loader(nullptr, ImagePipeline(Transforms{}), Phase::kTrain), std::invalid_argument);
  EXPECT_THROW(Loader(std::make_shared<Dataset>(Dataset::unlabelled({})), ImagePipeline(Transforms{}), Phase::kTrain),
               std::invalid_argument);
}

TEST_F(LoaderTest, CanBeShownAsAGrid) {
  const Loaders data = loaders();
  const std::optional<Batch> batch = data.train.pass().next();
  const core::Image grid = show_batch(*batch, data.vocabulary, data.transforms().normalization, 4);
  EXPECT_EQ(grid.width, 2 * 16 + 3 * 8);
  EXPECT_EQ(grid.height, 2 * (16 + 22) + 3 * 8);
  EXPECT_THROW(show_batch(*batch, data.vocabulary, data.transforms().normalization, 0), std::invalid_argument);
}

TEST_F(LoaderTest, MixesTrainingImagesAndTargetsAndLeavesValidationAlone) {
  LoaderOptions options = {.batch_size = 4};
  options.mix.method = MixMethod::kBoth;
  const Loaders mixed = loaders(options);
  const std::vector<Batch> batches = all_batches(mixed.train.pass());
  EXPECT_EQ(batches[0].targets.sizes(), (std::vector<std::int64_t>{4, 2}));
  EXPECT_TRUE(batches[0].targets.sum(1).allclose(torch::ones({4})));
  EXPECT_FALSE(batches[0].images.equal(all_batches(loaders().train.pass())[0].images));
  EXPECT_TRUE(batches[1].images.equal(all_batches(mixed.train.pass())[1].images)) << "the same every time";
  EXPECT_EQ(all_batches(mixed.valid->pass())[0].targets.scalar_type(), torch::kLong);
}

TEST_F(LoaderTest, ShowsEveryTrainingImageOnceAndPlainWhereAsked) {
  const Loader plain = loaders({.batch_size = 5, .balance = Balance::kSampler, .rank = 1, .world = 2}).train.plain();
  const std::vector<Batch> batches = all_batches(plain.pass());
  ASSERT_EQ(batches.size(), 4U) << "of 16 images, the last smaller batch included";
  std::vector<std::size_t> ids;
  for (const Batch& batch : batches) ids.insert(ids.end(), batch.ids.begin(), batch.ids.end());
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], i);
  EXPECT_TRUE(batches[0].images.equal(all_batches(plain.pass(1))[0].images)) << "nothing is drawn";
}

TEST_F(LoaderTest, LoadsTheImagesThatAreNamed) {
  const Loader valid = *loaders({.batch_size = 2}).valid;
  const std::vector<std::size_t> ids = {4, 1, 5};
  const std::vector<Batch> batches = all_batches(valid.pass_of(ids));
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[0].ids, (std::vector<std::size_t>{4, 1}));
  EXPECT_EQ(batches[1].ids, (std::vector<std::size_t>{5}));
  EXPECT_TRUE(batches[0].images[1].equal(all_batches(valid.pass())[0].images[1]));
  EXPECT_THROW(valid.pass_of(std::vector<std::size_t>{6}), std::invalid_argument);
}

TEST_F(LoaderTest, DrawsByOtherTransformsWhereAsked) {
  const Loader valid = *loaders().valid;
  Transforms transforms = valid.pipeline().transforms();
  transforms.augment.size = 8;
  const Loader drawn = valid.augmented(transforms);
  const Batch batch = all_batches(drawn.pass()).at(0);
  EXPECT_EQ(batch.images.size(2), 8);
  EXPECT_EQ(batch.ids, all_batches(valid.pass()).at(0).ids);
  EXPECT_FALSE(drawn.cache_stats().has_value());
}

TEST_F(LoaderTest, DrawsValidationImagesInTheirOrderForTestTimeAugmentation) {
  auto block = tiny_block(folder_.path()).batch_transform(augment({.size = 16}));
  const Loaders data = block.loaders({.batch_size = 4});
  const std::vector<Batch> plain = all_batches(data.valid->pass());
  const std::vector<Batch> drawn = all_batches(data.valid->augmented().pass(1));
  ASSERT_EQ(plain.size(), drawn.size());
  EXPECT_EQ(plain[1].ids, drawn[1].ids);
  EXPECT_FALSE(plain[0].images.equal(drawn[0].images));
}

std::vector<std::size_t> ids_of(const std::vector<PassRow>& rows) {
  std::vector<std::size_t> ids;
  for (const PassRow& row : rows) ids.push_back(row.id);
  return ids;
}

LoaderOptions drawn_options() {
  LoaderOptions options;
  options.world = *rc::gen::inRange(1, 9);
  options.micro_batches = options.world * *rc::gen::inRange(1, 4);
  options.batch_size = *rc::gen::inRange(1, 60);
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

/// Of batches of all processes together.
std::size_t used_images(std::size_t images, const LoaderOptions& options) {
  const auto batch_size = static_cast<std::size_t>(options.batch_size);
  return options.drop_last && images >= batch_size ? images / batch_size * batch_size : images;
}

RC_GTEST_PROP(LoaderShare, MakesOfAllProcessesTheBatchesOfOne, ()) {
  LoaderOptions options = drawn_options();
  LoaderOptions one = options;
  one.world = one.micro_batches = 1;
  const auto shared_images = *rc::gen::inRange<std::size_t>(1, 300);
  const auto expected = ids_of(pass_order(shared_images, {}, Phase::kTrain, one, 3));
  RC_ASSERT(expected.size() == used_images(shared_images, options));
  std::vector<std::size_t> together(expected.size(), shared_images);
  std::size_t served = 0;
  for (options.rank = 0; options.rank < options.world; ++options.rank) {
    const auto rows = pass_order(shared_images, {}, Phase::kTrain, options, 3);
    for (const PassRow& row : rows) together.at(row.draw) = row.id;
    served += rows.size();
  }
  RC_ASSERT(together == expected);
  RC_ASSERT(served == expected.size());  // none twice
}

RC_GTEST_PROP(LoaderShare, MakesMicroBatchesOfOneSizeOrOneLess, ()) {
  LoaderOptions options = drawn_options();
  const auto shared_images = *rc::gen::inRange<std::size_t>(1, 300);
  const auto batch_size = static_cast<std::size_t>(options.batch_size);
  const auto own = static_cast<std::size_t>(options.micro_batches / options.world);
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> sizes;  // of each batch and micro-batch
  for (options.rank = 0; options.rank < options.world; ++options.rank) {
    for (const PassRow& row : pass_order(shared_images, {}, Phase::kTrain, options, 7)) {
      ++sizes[{row.draw / batch_size, static_cast<std::size_t>(options.rank) * own + row.micro}];
    }
  }
  const std::size_t used = used_images(shared_images, options);
  for (std::size_t batch = 0; batch * batch_size < used; ++batch) {
    const std::size_t images = std::min(batch_size, used - batch * batch_size);
    const auto micro_batches = static_cast<std::size_t>(options.micro_batches);
    for (std::size_t micro = 0; micro < micro_batches; ++micro) {
      const std::size_t size = sizes[{batch, micro}];
      RC_ASSERT(size == images / micro_batches || size == (images + micro_batches - 1) / micro_batches);
    }
  }
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
