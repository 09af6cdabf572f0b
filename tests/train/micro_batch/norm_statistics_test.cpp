#include "margay/train/micro_batch/norm_statistics.h"

#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/types.h>

namespace margay::train {
namespace {

class NormStatisticsTest : public testing::Test {
 protected:
  torch::nn::BatchNorm1d norm_{torch::nn::BatchNormOptions(2).momentum(0.25)};
  torch::nn::Sequential network_{norm_};
  torch::Tensor first_ = torch::tensor({{1.F, 10.F}, {3.F, 30.F}, {5.F, 20.F}});
  torch::Tensor second_ = torch::tensor({{7.F, 0.F}, {9.F, 40.F}});

  torch::Tensor part(const torch::Tensor& images) {
    const NormStatistics statistics(*network_);
    network_->forward(images);
    return statistics.of_part(images.size(0));
  }
};

TEST_F(NormStatisticsTest, AreThoseOfAPartAndLeaveTheNormAlone) {
  norm_->running_mean.fill_(4);
  const torch::Tensor found = part(first_);
  // 3 images of means 3, 20 and unbiased variances 4, 100.
  EXPECT_TRUE(found.allclose(torch::tensor({9.F, 60.F, 12.F, 300.F, 3.F})));
  EXPECT_TRUE(norm_->running_mean.equal(torch::full({2}, 4.F)));
  EXPECT_EQ(norm_->num_batches_tracked.item<std::int64_t>(), 0);
  EXPECT_EQ(*norm_->options.momentum(), 0.25);
}

TEST_F(NormStatisticsTest, EnterTheRunningOnesOncePerBatch) {
  const torch::Tensor sum = part(first_) + part(second_);
  NormStatistics(*network_).set_at_end(sum);
  // Means (9 + 16) / 5 and (60 + 40) / 5, a quarter of the way from 0.
  EXPECT_TRUE(norm_->running_mean.allclose(torch::tensor({1.25F, 5.F})));
  // Variances (12 + 4) / 5 and (300 + 1600) / 5, a quarter of the way from 1.
  EXPECT_TRUE(norm_->running_var.allclose(torch::tensor({1.55F, 95.75F})));
  EXPECT_EQ(norm_->num_batches_tracked.item<std::int64_t>(), 1);
}

TEST_F(NormStatisticsTest, StayWithoutImagesAndInEvalMode) {
  const torch::Tensor none = NormStatistics(*network_).of_part(0);
  EXPECT_TRUE(none.equal(torch::zeros({5})));
  NormStatistics(*network_).set_at_end(none);
  EXPECT_EQ(norm_->num_batches_tracked.item<std::int64_t>(), 0);
  network_->eval();
  EXPECT_EQ(NormStatistics(*network_).of_part(3).numel(), 1);
}

}  // namespace
}  // namespace margay::train
