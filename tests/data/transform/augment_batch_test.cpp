#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/data/transform/augment.h"
#include "margay/data/transform/augment_batch.h"
#include "tests/support/image_samples.h"

namespace margay::data {
namespace {

using testing_support::noise_image;

constexpr double kClose = 0.002;  // of a normalised unit; measured: 0.0003

/// The furthest that augment_batch is from Augment::apply with the same draws, on images of noise.
double largest_difference(const AugmentOptions& options, int height, int width, std::uint64_t seed) {
  constexpr int kImages = 6;
  const Augment one_by_one = augment(options);
  const Normalization normalization = imagenet_normalization();
  const torch::Tensor images = torch::empty({kImages, height, width, 3}, torch::kByte);
  std::vector<AugmentDraw> draws;
  std::vector<std::vector<float>> expected;
  for (int i = 0; i < kImages; ++i) {
    const core::Image image = noise_image(height, width, seed + std::uint64_t(i));
    std::copy(image.pixels.begin(), image.pixels.end(), images[i].data_ptr<std::uint8_t>());
    core::Random random{seed, std::uint64_t(i)};
    draws.push_back(one_by_one.draw(height, width, Phase::kTrain, random));
    expected.emplace_back(3 * std::size_t(options.size) * std::size_t(options.size));
    one_by_one.apply(image, draws.back(), normalization, expected.back().data());
  }
  const torch::Tensor batch = augment_batch(images, draws, options, normalization);
  EXPECT_EQ(batch.sizes(), (std::vector<std::int64_t>{kImages, 3, options.size, options.size}));
  EXPECT_TRUE(batch.is_contiguous(torch::MemoryFormat::ChannelsLast));
  const float* actual = batch.data_ptr<float>();  // channels-last: [N,H,W,3] in memory
  double largest = 0;
  for (const std::vector<float>& image : expected) {
    for (const float value : image) largest = std::max(largest, double(std::abs(value - *actual++)));
  }
  return largest;
}

void expect_close(const AugmentOptions& options) {
  for (const auto& [height, width] : {std::pair{64, 64}, {46, 71}, {300, 260}, {23, 20}}) {
    for (const std::uint64_t seed : {1, 20, 300}) {
      EXPECT_LT(largest_difference(options, height, width, seed), kClose)
          << core::to_json(options).dump() << " on " << width << "x" << height << " seed " << seed;
    }
  }
}

TEST(AugmentBatch, EqualsOneByOneWithTheDefaultsAndEachPadding) {
  for (const PadMode pad_mode : {PadMode::kZeros, PadMode::kBorder, PadMode::kReflection}) {
    expect_close({.size = 48, .pad_mode = pad_mode});
    expect_close({.size = 48, .min_scale = 0.3, .mult = 2, .flip_vert = true, .pad_mode = pad_mode});
  }
}

TEST(AugmentBatch, EqualsOneByOneWithEveryKindOfLighting) {
  expect_close({.size = 40, .max_lighting = 0.6, .p_lighting = 1});
  expect_close({.size = 40, .max_saturation = 0.5, .max_hue = 0.3});
}

TEST(AugmentBatch, EqualsOneByOneWhereImagesAreAveragedFirst) {
  expect_close({.size = 16, .min_scale = 0.2, .max_rotate = 45});
  expect_close({.size = 9, .max_warp = 0.4, .pad_mode = PadMode::kZeros});
}

TEST(AugmentBatch, EqualsOneByOneWithErasingAndPolicies) {
  expect_close({.size = 32, .erase = {.p_erase = 1, .max_count = 3}});
  expect_close({.size = 32, .policy = {.policy = Policy::kRandAugment, .num_ops = 3, .magnitude = 20}});
  expect_close({.size = 32, .policy = {.policy = Policy::kTrivialAugment}});
}

TEST(AugmentBatch, RefusesWhatDoesNotFit) {
  const std::vector<AugmentDraw> draws(2);
  const Normalization normalization;
  EXPECT_THROW(augment_batch(torch::zeros({2, 8, 8, 3}), draws, {}, normalization), std::invalid_argument);
  EXPECT_THROW(augment_batch(torch::zeros({2, 3, 8, 8}, torch::kByte), draws, {}, normalization),
               std::invalid_argument);
  EXPECT_THROW(augment_batch(torch::zeros({3, 8, 8, 3}, torch::kByte), draws, {}, normalization),
               std::invalid_argument);
}

}  // namespace

}  // namespace margay::data
