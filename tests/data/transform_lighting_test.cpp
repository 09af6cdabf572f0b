#include "margay/data/transform/lighting.h"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/random.h"
#include "margay/data/transform/warp.h"
#include "tests/data/transform_reference.h"
#include "tests/support/golden.h"
#include "tests/support/images.h"
#include "tests/support/simd_targets.h"

namespace margay::data {
namespace {

using testing_support::for_each_simd_target;
using testing_support::golden;
using testing_support::lit;
using testing_support::noise_image;
using testing_support::Rgb;

void expect_golden(const nlohmann::json& from, const nlohmann::json& to, std::size_t image, const Lighting& lighting) {
  const nlohmann::json& x = from[image];
  const nlohmann::json& out = to[image];
  for (std::size_t i = 0; i < x[0].size(); ++i) {
    for (std::size_t j = 0; j < x[0][0].size(); ++j) {
      const Rgb rgb = {x[0][i][j].get<double>(), x[1][i][j].get<double>(), x[2][i][j].get<double>()};
      const Rgb actual = lit(rgb, lighting);
      for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(actual[c], out[c][i][j].get<double>(), 2e-6);
    }
  }
}

// The definition that the kernel is tested against below.
TEST(Lighting, ItsDefinitionIsFastais) {
  MARGAY_REQUIRE_GOLDEN("aug_batch.json");
  const nlohmann::json all = golden("aug_batch.json");
  const nlohmann::json& x = all["x"];
  for (std::size_t i = 0; i < 2; ++i) {
    const bool first = i == 0;
    expect_golden(x, all["Brightness draw=[.6,.4]"], i, {.brightness = first ? .6 : .4});
    expect_golden(x, all["Contrast draw=[1.25,.8]"], i, {.contrast = first ? 1.25 : .8});
    expect_golden(x, all["Saturation draw=[1.2,.5]"], i, {.saturation = first ? 1.2 : .5});
    expect_golden(x, all["Hue draw=[1.05,.95]"], i, {.hue = first ? .05 : -.05});
    const Lighting both = {.brightness = first ? .6 : .4, .contrast = first ? 1.25 : .8};
    expect_golden(x, all["Brightness+Contrast composed"], i, both);
    expect_golden(all["lighting_clamp_in"], all["lighting_clamp_out"], i, both);
  }
}

/// Every pixel of an image, lit by the kernel, against the definition.
void expect_definition(const core::Image& image, const Lighting& lighting, double tolerance) {
  std::vector<float> out(image.pixels.size());
  warp_normalised(image, identity_matrix(), {}, image.height, image.width, out.data(), PadMode::kBorder, lighting);
  for (std::size_t i = 0; i < out.size(); i += 3) {
    const Rgb expected =
        lit({image.pixels[i] / 255.0, image.pixels[i + 1] / 255.0, image.pixels[i + 2] / 255.0}, lighting);
    for (std::size_t c = 0; c < 3; ++c) ASSERT_NEAR(out[i + c], expected[c], tolerance) << i;
  }
}

TEST(Lighting, FollowsTheDefinitionForEveryByteAndAnyStrengthOnEveryInstructionSet) {
  core::Image image = noise_image(16, 35);  // and every grey, black and white among them
  for (std::size_t i = 0; i < 256; ++i) image.pixels[3 * i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < 3; ++i) image.pixels[i] = 0;
  for (std::size_t i = 3; i < 6; ++i) image.pixels[i] = 255;
  constexpr double kPolynomials = 4e-6;  // of 1; 2e-5 of a normalised unit
  for_each_simd_target([&] {
    core::Random random{5};
    for (int trial = 0; trial < 20; ++trial) {
      const double brightness = random.uniform(0.05, 0.95);
      const double contrast = random.uniform(0.2, 4);
      expect_definition(image, {.brightness = brightness}, kPolynomials);
      expect_definition(image, {.brightness = brightness, .contrast = contrast}, 2 * kPolynomials);
      expect_definition(image, {.contrast = contrast, .saturation = random.uniform(0, 2)}, 6 * kPolynomials);
      expect_definition(image, {.hue = random.uniform(-1, 1)}, kPolynomials);
      expect_definition(image, {.brightness = brightness, .saturation = 0.5, .hue = 0.1}, 3 * kPolynomials);
    }
  });
}

TEST(Lighting, IsNeutralByDefaultAndThenChangesNothing) {
  EXPECT_TRUE(Lighting{}.is_neutral());
  EXPECT_FALSE(Lighting{.hue = 0.1}.is_neutral());
  const core::Image image = noise_image(9, 9);
  EXPECT_EQ(warp(image, identity_matrix(), 9, 9, PadMode::kZeros, {}).pixels, image.pixels);
}

TEST(Lighting, OfHalfBrightnessSolvedByHand) {
  core::Image grey(1, 2);
  std::fill(grey.pixels.begin(), grey.pixels.end(), std::uint8_t{51});  // 0.2, odds 1/4; brightness .8 has odds 4
  const core::Image out = warp(grey, identity_matrix(), 1, 2, PadMode::kBorder, {.brightness = 0.8});
  for (const std::uint8_t value : out.pixels) EXPECT_EQ(value, 128);  // odds 1: one half
}

}  // namespace
}  // namespace margay::data
