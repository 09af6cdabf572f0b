#include "margay/train/device_feed.h"

#include <chrono>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/cache/ram_cache.h"
#include "tests/support/tiny_pictures.h"

namespace margay::train {
namespace {

using testing_support::TemporaryFolder;

/// Writes down what it is asked to do.
class NotedCopy : public BatchCopy {
 public:
  void begin(data::Batch& batch, const std::function<void(data::Batch&)>& finish) override {
    events += "b" + std::to_string(batch.index) + " ";
    finish(batch);
  }
  void await(const data::Batch& batch) override { events += "f" + std::to_string(batch.index) + " "; }

  std::string events;
};

class DeviceFeedTest : public testing::Test {
 protected:
  DeviceFeedTest() { testing_support::write_tiny_pictures(folder_.path(), 4, 4); }

  /// Over 8 pictures, of which as many are loaded as shall be ahead: one thread loads, so all but the last are ready.
  data::LoaderPass ready_pass(data::LoaderOptions options = {}) const {
    options.batch_size = 2;
    options.num_workers = 1;
    data::PassPlan plan = testing_support::tiny_block(folder_.path()).loaders(options).valid->plan();
    const auto cache = std::make_shared<data::RamCache>(1'000'000);
    plan.cache = cache;
    data::LoaderPass pass(plan);
    const auto ahead = static_cast<std::uint64_t>(options.batch_size * options.prefetch);
    while (cache->stats().misses < ahead) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return pass;
  }

  TemporaryFolder folder_;
};

TEST_F(DeviceFeedTest, BeginsTheNextCopyBeforeTheNetworkGetsTheBatch) {
  NotedCopy copy;
  DeviceFeed feed(ready_pass(), &copy);
  ASSERT_EQ(feed.next()->index, 0);
  EXPECT_EQ(copy.events, "b0 f0 b1 ");
  while (feed.next()) {
  }
  EXPECT_EQ(copy.events, "b0 f0 b1 f1 b2 f2 b3 f3 ");
}

TEST_F(DeviceFeedTest, FinishesBatchesBehindTheirCopy) {
  data::LoaderOptions options = {.augment_on = data::AugmentOn::kDevice};
  NotedCopy copy;
  DeviceFeed feed(ready_pass(options), &copy);
  data::LoaderPass pass = ready_pass();  // of which the threads augment
  while (const auto expected = pass.next()) {
    const auto batch = feed.next();
    EXPECT_TRUE(batch->draws.empty());
    EXPECT_EQ(batch->images.scalar_type(), torch::kFloat);
    EXPECT_TRUE(torch::allclose(batch->images, expected->images, 0, 0.01));
  }
}

TEST_F(DeviceFeedTest, HandsBatchesThroughWithoutACopy) {
  DeviceFeed feed(ready_pass(), nullptr);
  data::LoaderPass pass = ready_pass();
  while (const auto expected = pass.next()) {
    const auto batch = feed.next();
    EXPECT_EQ(batch->ids, expected->ids);
    EXPECT_EQ(batch->images.use_count(), 1U);
    EXPECT_TRUE(batch->images.equal(expected->images));
  }
  EXPECT_FALSE(feed.next());
}

TEST_F(DeviceFeedTest, ThrowsAfterTheBatchesBeforeTheError) {
  std::ofstream(folder_ / "valid/flat/3.png") << "not a picture";
  NotedCopy copy;
  DeviceFeed feed(ready_pass({.unreadable = data::Unreadable::kStop}), &copy);
  EXPECT_EQ(feed.next()->index, 0);
  EXPECT_THROW(feed.next(), core::DataError);
}

TEST_F(DeviceFeedTest, ReportsWhatWasSkipped) {
  std::ofstream(folder_ / "valid/flat/3.png") << "not a picture";
  NotedCopy copy;
  DeviceFeed feed(ready_pass(), &copy);
  std::size_t pictures = 0;
  while (const auto batch = feed.next()) pictures += batch->ids.size();
  EXPECT_EQ(pictures, 7U);
  EXPECT_EQ(feed.skipped().size(), 1U);
}

TEST(BatchCopy, IsNotNeededOnTheCpu) { EXPECT_EQ(batch_copy(torch::kCPU), nullptr); }

}  // namespace
}  // namespace margay::train
