#include "margay/metric/accuracy.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

namespace margay::metric {
namespace {

TEST(Accuracy, CountsRowsWhoseLargestLogitIsTheTarget) {
  const auto logits = torch::tensor({{1.0, 2.0, 0.0}, {3.0, 2.0, 0.0}, {0.0, 0.0, 5.0}, {9.0, 1.0, 2.0}});
  const auto targets = torch::tensor({1, 0, 2, 2}, torch::kLong);
  EXPECT_DOUBLE_EQ(accuracy(logits, targets), 0.75);
  EXPECT_DOUBLE_EQ(error_rate(logits, targets), 0.25);
}

TEST(Accuracy, WeighsImagesNotBatches) {
  ErrorRate metric;
  metric.update(torch::tensor({{1.0, 0.0}, {1.0, 0.0}, {1.0, 0.0}}), torch::tensor({0, 0, 0}, torch::kLong));
  metric.update(torch::tensor({{1.0, 0.0}}), torch::tensor({1}, torch::kLong));
  EXPECT_DOUBLE_EQ(metric.value(), 0.25);
  metric.reset();
  EXPECT_TRUE(std::isnan(metric.value()));
}

TEST(Accuracy, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(accuracy(torch::zeros({2, 3}), torch::zeros({3}, torch::kLong)), std::invalid_argument);
}

}  // namespace
}  // namespace margay::metric
