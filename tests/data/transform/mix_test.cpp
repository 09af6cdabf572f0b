#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/data/transform/mix.h"

namespace margay::data {
namespace {

/// N images; every number of image i is i. So what a pixel shows tells where it came from.
torch::Tensor make_images(std::int64_t count, std::int64_t side = 8) {
  const torch::Tensor numbers = torch::arange(count, torch::kFloat).view({-1, 1, 1, 1});
  return numbers.expand({count, 3, side, side}).clone(torch::MemoryFormat::ChannelsLast);
}

/// One-hot: image i is of class i.
torch::Tensor targets(std::int64_t count) { return torch::eye(count); }

/// What the targets say that image i shows on average, given that class k looks like the number k.
torch::Tensor shown_by(const torch::Tensor& soft) { return soft.matmul(torch::arange(soft.size(1), torch::kFloat)); }

void expect_targets_follow_the_pixels(const Mixed& mixed) {
  EXPECT_TRUE(torch::allclose(mixed.images.mean({1, 2, 3}), shown_by(mixed.targets), 1e-4, 1e-4));
  EXPECT_TRUE(torch::allclose(mixed.targets.sum(1), torch::ones(mixed.targets.size(0))));
  EXPECT_TRUE(mixed.images.is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST(Mix, NoneReturnsTheSame) {
  const torch::Tensor images = make_images(4);
  EXPECT_TRUE(mix(images, targets(4), {}, {1}).images.is_same(images));
}

TEST(Mix, MixupBlendsWholeImagesAndTheirTargetsAlikeAndKeepsAtLeastHalf) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Mixed mixed = mix(make_images(6), targets(6), {.method = MixMethod::kMixup}, {seed});
    expect_targets_follow_the_pixels(mixed);
    EXPECT_GE(mixed.targets.diagonal().min().item<float>(), 0.5F);
    EXPECT_LE(mixed.images.amax({1, 2, 3}).sub(mixed.images.amin({1, 2, 3})).max().item<float>(), 1e-6F);
  }
}

TEST(Mix, MixupDrawsAShareForEachImage) {
  const Mixed mixed = mix(make_images(64), targets(64), {.method = MixMethod::kMixup, .mixup_alpha = 10}, {3});
  EXPECT_GT(mixed.targets.diagonal().std().item<float>(), 0.02F);
}

TEST(Mix, CutmixPastesOneBoxAndTheTargetsFollowItsArea) {
  int pasted = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Mixed mixed = mix(make_images(5, 9), targets(5), {.method = MixMethod::kCutmix}, {seed});
    expect_targets_follow_the_pixels(mixed);
    const torch::Tensor changed = mixed.images != make_images(5, 9);
    pasted += changed.any().item<bool>() ? 1 : 0;
    const torch::Tensor box = changed.amax({0, 1});
    const auto extent = [&](std::int64_t dim) { return box.any(dim).sum().item<std::int64_t>(); };
    EXPECT_EQ(box.sum().item<std::int64_t>(), extent(0) * extent(1)) << "a rectangle";
  }
  EXPECT_GT(pasted, 30);
}

TEST(Mix, BothTakesEitherForEachBatch) {
  int blended = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Mixed mixed = mix(make_images(7, 9), targets(7), {.method = MixMethod::kBoth}, {seed});
    expect_targets_follow_the_pixels(mixed);
    blended += mixed.images.eq(mixed.images.round()).all().item<bool>() ? 0 : 1;
  }
  EXPECT_NEAR(blended, 100, 30);
}

TEST(Mix, IsAFunctionOfItsKeyAndLeavesItsInputs) {
  const torch::Tensor images = make_images(6);
  const MixOptions both = {.method = MixMethod::kBoth};
  EXPECT_TRUE(mix(images, targets(6), both, {9}).images.equal(mix(images, targets(6), both, {9}).images));
  EXPECT_TRUE(images.equal(make_images(6)));
}

TEST(Mix, RefusesTargetsThatAreClassIndices) {
  const MixOptions mixup = {.method = MixMethod::kMixup};
  EXPECT_THROW(mix(make_images(3), torch::arange(3), mixup, {1}), std::invalid_argument);
  EXPECT_THROW(mix(make_images(3), targets(4), mixup, {1}), std::invalid_argument);
  EXPECT_THROW(mix(make_images(3)[0], targets(3), mixup, {1}), std::invalid_argument);
  EXPECT_THROW(mix(make_images(3), targets(3), {.mixup_alpha = 0}, {1}), std::invalid_argument);
}

TEST(Beta, HasTheMeanAndVarianceOfItsDistribution) {
  constexpr int kDraws = 40000;
  for (const auto& [a, b] : {std::pair{0.4, 0.4}, {1.0, 1.0}, {0.05, 0.05}, {2.0, 5.0}, {30.0, 10.0}}) {
    core::Random random{17};
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double x = draw_beta(a, b, random);
      ASSERT_TRUE(x >= 0 && x <= 1);
      sum += x;
      squares += x * x;
    }
    const double mean = a / (a + b);
    const double variance = a * b / ((a + b) * (a + b) * (a + b + 1));
    EXPECT_NEAR(sum / kDraws, mean, 5 * std::sqrt(variance / kDraws)) << a;
    EXPECT_NEAR(squares / kDraws - sum / kDraws * (sum / kDraws), variance, 0.03 * variance) << a;
  }
}

TEST(Gamma, HasItsShapeAsMeanAndVariance) {
  for (const double shape : {0.3, 1.0, 4.5}) {
    core::Random random{18};
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < 40000; ++i) {
      const double x = draw_gamma(shape, random);
      sum += x;
      squares += x * x;
    }
    EXPECT_NEAR(sum / 40000, shape, 5 * std::sqrt(shape / 40000));
    EXPECT_NEAR(squares / 40000 - sum / 40000 * (sum / 40000), shape, 0.06 * shape);
  }
}

TEST(Erase, DrawsRectanglesOfTheAskedAreaWithinTheImage) {
  double largest = 0;
  double sum = 0;
  for (std::uint64_t item = 0; item < 3000; ++item) {
    core::Random random{3, item};
    const std::vector<Region> regions = draw_erased({.p_erase = 1}, 100, random);
    ASSERT_EQ(regions.size(), 1U);
    const Region& r = regions[0];
    ASSERT_TRUE(0 <= r.left && r.left <= r.right && r.right <= 100 && 0 <= r.top && r.top <= r.bottom &&
                r.bottom <= 100);
    const double share = (r.right - r.left) * (r.bottom - r.top) / 1e4;
    largest = std::max(largest, share);
    sum += share;
  }
  EXPECT_NEAR(largest, 0.3, 0.01);
  EXPECT_NEAR(sum / 3000, 0.15, 0.005);
}

TEST(Erase, SharesTheAreaAmongSeveral) {
  int several = 0;
  for (std::uint64_t item = 0; item < 300; ++item) {
    core::Random random{4, item};
    const std::vector<Region> regions = draw_erased({.p_erase = 1, .max_count = 3}, 100, random);
    several += regions.size() == 3 ? 1 : 0;
    for (const Region& r : regions) {
      EXPECT_LE((r.right - r.left) * (r.bottom - r.top), 0.3 * 1e4 / double(regions.size()) * 1.05 + 30);
    }
  }
  EXPECT_NEAR(several, 100, 30);
}

TEST(Erase, NoiseIsNormalAndAFunctionOfItsKey) {
  const Region region = {0, 0, 100, 100};
  const std::vector<float> noise = erasing_noise(region, 9, 0);
  EXPECT_EQ(noise, erasing_noise(region, 9, 0));
  EXPECT_NE(noise, erasing_noise(region, 9, 1));
  double sum = 0;
  double squares = 0;
  double beyond_two = 0;
  for (const float value : noise) {
    sum += value;
    squares += double(value) * value;
    beyond_two += std::abs(value) > 2 ? 1 : 0;
  }
  EXPECT_NEAR(sum / 30000, 0, 0.02);
  EXPECT_NEAR(squares / 30000, 1, 0.03);
  EXPECT_NEAR(beyond_two / 30000, 0.0455, 0.005);
}

TEST(Erase, WritesOnlyInsideTheRectangle) {
  std::vector<float> out(3 * 8 * 8, 7.0F);
  const Region region = {2, 3, 5, 4};
  erase(std::vector{region}, 1, 8, out.data());
  EXPECT_EQ(std::count(out.begin(), out.end(), 7.0F), 3 * (64 - 3));
  EXPECT_NE(out[3 * (3 * 8 + 2)], 7.0F);
  EXPECT_EQ(out[3 * (3 * 8 + 5)], 7.0F);
}

}  // namespace

}  // namespace margay::data
