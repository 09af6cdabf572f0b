#include "margay/data/loader/device_prefetcher.h"

#include <chrono>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/data/cache/image_cache.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;

/// Writes down what it is asked to do.
class NotedCopy : public BatchCopy {
 public:
  void begin(Batch& batch, const std::function<void(Batch&)>& finish) override {
    events += "b" + std::to_string(batch.index) + " ";
    finish(batch);
  }
  void await(const Batch& batch) override { events += "f" + std::to_string(batch.index) + " "; }

  std::string events;
};

class DevicePrefetcherTest : public testing::Test {
 protected:
  DevicePrefetcherTest() { testing_support::write_tiny_images(folder_.path(), 4, 4); }

  /// Over 8 images, of which as many are loaded as shall be ahead: one thread loads, so all but the last are ready.
  LoaderPass ready_pass(LoaderOptions options = {}) const {
    options.batch_size = 2;
    options.num_workers = 1;
    PassPlan plan = testing_support::tiny_block(folder_.path()).loaders(options).valid->plan();
    const auto cache = std::make_shared<RamCache>(1'000'000);
    plan.cache = cache;
    LoaderPass pass(plan);
    const auto ahead = static_cast<std::uint64_t>(options.batch_size * options.prefetch);
    while (cache->stats().misses < ahead) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return pass;
  }

  TemporaryFolder folder_;
};

TEST_F(DevicePrefetcherTest, BeginsTheNextCopyBeforeTheNetworkGetsTheBatch) {
  NotedCopy copy;
  DevicePrefetcher batches(ready_pass(), &copy);
  ASSERT_EQ(batches.next()->index, 0);
  EXPECT_EQ(copy.events, "b0 f0 b1 ");
  while (batches.next()) {
  }
  EXPECT_EQ(copy.events, "b0 f0 b1 f1 b2 f2 b3 f3 ");
}

TEST_F(DevicePrefetcherTest, FinishesBatchesBehindTheirCopy) {
  LoaderOptions options = {.augment_on = AugmentOn::kDevice};
  NotedCopy copy;
  DevicePrefetcher batches(ready_pass(options), &copy);
  LoaderPass pass = ready_pass();  // of which the threads augment
  while (const auto expected = pass.next()) {
    const auto batch = batches.next();
    EXPECT_TRUE(batch->draws.empty());
    EXPECT_EQ(batch->images.scalar_type(), torch::kFloat);
    EXPECT_TRUE(torch::allclose(batch->images, expected->images, 0, 0.01));
  }
}

TEST_F(DevicePrefetcherTest, HandsBatchesThroughWithoutACopy) {
  DevicePrefetcher batches(ready_pass(), nullptr);
  LoaderPass pass = ready_pass();
  while (const auto expected = pass.next()) {
    const auto batch = batches.next();
    EXPECT_EQ(batch->ids, expected->ids);
    EXPECT_EQ(batch->images.use_count(), 1U);
    EXPECT_TRUE(batch->images.equal(expected->images));
  }
  EXPECT_FALSE(batches.next());
}

TEST_F(DevicePrefetcherTest, ThrowsAfterTheBatchesBeforeTheError) {
  std::ofstream(folder_ / "valid/flat/3.png") << "not an image";
  NotedCopy copy;
  DevicePrefetcher batches(ready_pass({.unreadable = Unreadable::kStop}), &copy);
  EXPECT_EQ(batches.next()->index, 0);
  EXPECT_THROW(batches.next(), core::DataError);
}

TEST_F(DevicePrefetcherTest, ReportsWhatWasSkipped) {
  std::ofstream(folder_ / "valid/flat/3.png") << "not an image";
  NotedCopy copy;
  DevicePrefetcher batches(ready_pass(), &copy);
  std::size_t images = 0;
  while (const auto batch = batches.next()) images += batch->ids.size();
  EXPECT_EQ(images, 7U);
  EXPECT_EQ(batches.skipped().size(), 1U);
}

TEST(BatchCopy, IsNotNeededOnTheCpu) { EXPECT_EQ(batch_copy(torch::kCPU), nullptr); }

}  // namespace
}  // namespace margay::data
