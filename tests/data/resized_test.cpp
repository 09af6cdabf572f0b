#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/data/data_block.h"
#include "tests/support/batches.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

using testing_support::all_batches;

class Resized : public testing::Test {
 protected:
  Resized() { testing_support::write_tiny_images(folder_.path(), 6, 3); }
  Loaders loaders(int size, const LoaderOptions& options = {.batch_size = 4, .num_workers = 2}) const {
    return testing_support::tiny_block(folder_.path(), size).loaders(options);
  }
  testing_support::TemporaryFolder folder_;
};

TEST_F(Resized, GivesWhatABlockOfThatSizeWouldHaveGiven) {
  const Loaders other = resized(loaders(16), 12);
  const Loaders expected = loaders(12);
  const auto batches = all_batches(other.train.pass(3));
  const auto expected_batches = all_batches(expected.train.pass(3));
  ASSERT_EQ(batches.size(), expected_batches.size());
  for (std::size_t i = 0; i < batches.size(); ++i) {
    EXPECT_EQ(batches[i].images.size(3), 12);
    EXPECT_TRUE(batches[i].images.equal(expected_batches[i].images));
    EXPECT_EQ(batches[i].ids, expected_batches[i].ids);
  }
  EXPECT_EQ(other.transforms().augment.size, 12) << "the bundle must say what the network was trained on";
}

TEST_F(Resized, ServesTheSameImagesInTheSameOrderAsBefore) {
  const Loaders small = loaders(8);
  const Loaders large = resized(small, 24);
  const auto before = all_batches(small.train.pass(1));
  const auto after = all_batches(large.train.pass(1));
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].ids, before[i].ids);
    EXPECT_TRUE(after[i].targets.equal(before[i].targets));
  }
  EXPECT_EQ(all_batches(large.valid->pass()).front().images.size(2), 24);
  EXPECT_EQ(large.vocabulary, small.vocabulary);
}

TEST_F(Resized, SharesTheCacheOfPresizedImages) {
  const Loaders small = loaders(8, {.batch_size = 4, .num_workers = 2, .cache = CacheKind::kRam});
  all_batches(small.train.pass(0));
  const auto before = small.train.cache_stats()->hits;
  const Loaders large = resized(small, 16);
  all_batches(large.train.pass(0));
  EXPECT_EQ(large.train.cache_stats()->hits, before + 12);
  EXPECT_EQ(large.train.cache_stats()->misses, 12U);
}

TEST_F(Resized, WarnsOfImagesThatAreOnlyMagnified) {
  EXPECT_TRUE(resized(loaders(8), 24).warnings.empty());
  const Loaders large = resized(loaders(8), 32);
  ASSERT_EQ(large.warnings.size(), 1U);
  EXPECT_NE(large.warnings[0].find("presized to 24 pixels and then magnified to 32"), std::string::npos);
}

TEST_F(Resized, RefusesASizeOutOfRange) {
  EXPECT_THROW(resized(loaders(8), 4), std::invalid_argument);
  EXPECT_THROW(resized(loaders(8), 10000), std::invalid_argument);
}

}  // namespace
}  // namespace margay::data
