#include "margay/run/largest_batch.h"

#include <algorithm>
#include <optional>
#include <span>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/group_of_two.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_batches.h"

namespace margay::run {
namespace {

/// The other process has so many images.
class OtherShare : public testing_support::GroupOfTwo {
 public:
  explicit OtherShare(std::optional<double> images) : images_(images) {}
  void maximum(std::span<double> values) override { values.front() = std::max(values.front(), -images_.value_or(0)); }

 private:
  std::optional<double> images_;
};

class FoundBatch : public Observer {
 public:
  void found_batch_size(const train::BatchSizeAdvice& advice) override { found = advice; }
  train::BatchSizeAdvice found;
};

class LargestBatch : public testing::Test {
 protected:
  LargestBatch() {
    testing_support::use_tiny_images(options_.batch, folder_ / "images");
    options_.arch = "resnet20";
    options_.auto_batch = {.memory_limit_mb = 2'000, .largest = 64};
    options_.vision_learner.learner.device = "cpu";
  }

  testing_support::TemporaryFolder folder_;
  TrainOptions options_;
  FoundBatch notes_;
};

TEST_F(LargestBatch, IsNeverLargerThanTheData) {
  EXPECT_EQ(largest_batch_size(options_, "", notes_, *collective::one_process()), 8) << "of 12 images";
}

TEST_F(LargestBatch, IsTheSmallestShareTimesTheProcesses) {
  OtherShare small(4);
  EXPECT_EQ(largest_batch_size(options_, "", notes_, small), 8);
  EXPECT_EQ(notes_.found.batch_size, 4);
  EXPECT_EQ(notes_.found.processes, 2);
  OtherShare large(1024);
  EXPECT_EQ(largest_batch_size(options_, "", notes_, large), 12) << "all images";
}

TEST_F(LargestBatch, IsNoneWhereAnotherProcessHasNoRoom) {
  OtherShare none(std::nullopt);
  EXPECT_THROW(largest_batch_size(options_, "", notes_, none), core::Error);
}

}  // namespace
}  // namespace margay::run
