#include "margay/train/network_speed.h"

#include <gtest/gtest.h>

namespace margay::train {
namespace {

constexpr auto kFp32 = model::Precision::kFp32;

TEST(NetworkSpeed, IsMeasuredForTrainingAndInference) {
  const NetworkSpeed speed = measure_network_speed(
      "resnet20", {.batch_size = 2, .size = 32, .precision = kFp32, .device = "cpu", .seconds = 0});
  EXPECT_GT(speed.train_images_per_s, 0);
  EXPECT_GT(speed.inference_images_per_s, speed.train_images_per_s);
  EXPECT_EQ(speed.precision, kFp32);
  EXPECT_EQ(speed.image_px, 32);
}

TEST(NetworkSpeed, TakesTheNetworksOwnSize) {
  EXPECT_EQ(measure_network_speed("resnet20", {.batch_size = 2, .device = "cpu", .seconds = 0}).image_px, 64);
}

TEST(NetworkSpeed, RefusesWhatItCannotMeasure) {
  EXPECT_THROW(measure_network_speed("resnet20", {.batch_size = 1}), std::invalid_argument);
  EXPECT_THROW(measure_network_speed("no-network"), std::invalid_argument);
}

}  // namespace
}  // namespace margay::train
