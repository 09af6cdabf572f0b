#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/random.h"
#include "margay/data/transform/lighting.h"
#include "margay/data/transform/warp.h"
#include "tests/data/transform/transform_reference.h"
#include "tests/support/golden.h"
#include "tests/support/image_samples.h"
#include "tests/support/simd_targets.h"

namespace margay::data {
namespace {

using testing_support::for_each_simd_target;
using testing_support::noise_image;
using testing_support::sampled;

const Normalization kRaw = testing_support::raw_normalization();
constexpr double kFloatCoordinates = 0.02;  // of 255, at a few hundred pixels
constexpr PadMode kPadModes[] = {PadMode::kZeros, PadMode::kBorder, PadMode::kReflection};

void expect_warp_matches_reference(const core::Image& image, const Matrix& matrix, int height, int width,
                                   PadMode pad_mode) {
  std::vector<float> out(3 * std::size_t(height) * std::size_t(width) + 1, -7.0F);
  warp_normalised(image, matrix, kRaw, height, width, out.data(), pad_mode);
  EXPECT_EQ(out.back(), -7.0F) << "wrote beyond the end";
  for (int y = 0, i = 0; y < height; ++y) {
    for (int x = 0; x < 3 * width; ++x, ++i) {
      ASSERT_NEAR(out[std::size_t(i)], sampled(image, matrix, x / 3, y, x % 3, pad_mode), kFloatCoordinates)
          << core::to_text(pad_mode) << " " << image.width << "x" << image.height << " -> " << width << "x" << height
          << " at " << x / 3 << "," << y;
    }
  }
}

/// Any turn, stretch and shift that shrinks too little to be averaged first.
Matrix random_matrix(core::Random& random, const core::Image& image, int height, int width) {
  const double angle = random.uniform(-3.2, 3.2);
  const double stretch_x = random.uniform(0.05, 1.5);
  const double stretch_y = random.uniform(0.05, 1.5);
  Matrix turn;
  turn.m[0] = {std::cos(angle) * stretch_x, -std::sin(angle) * stretch_y, 0};
  turn.m[1] = {std::sin(angle) * stretch_x, std::cos(angle) * stretch_y, 0};
  return translate(random.uniform(0, image.width), random.uniform(0, image.height)) * turn *
         translate(-width / 2.0, -height / 2.0);
}

/// Tilts the output's plane so that its nearest corner is up to three times as near as its farthest.
Matrix random_tilt(core::Random& random, int height, int width) {
  Matrix tilt;
  tilt.m[2] = {random.uniform(-0.25, 0.25) * 2 / width, random.uniform(-0.25, 0.25) * 2 / height, 1};
  return translate(width / 2.0, height / 2.0) * tilt * translate(-width / 2.0, -height / 2.0);
}

TEST(Warp, EqualsTheScalarDefinitionOnEveryInstructionSet) {
  for_each_simd_target([] {
    core::Random random{11};
    const auto side = [&](int most) { return 1 + static_cast<int>(random.below(std::uint64_t(most))); };
    for (int trial = 0; trial < 150; ++trial) {
      const core::Image image = noise_image(side(60), side(60), std::uint64_t(trial));
      const int height = side(40);
      const int width = side(40);
      const Matrix matrix = random_matrix(random, image, height, width);
      const PadMode pad_mode = kPadModes[trial % 3];
      expect_warp_matches_reference(image, matrix, height, width, pad_mode);
      expect_warp_matches_reference(image, matrix * random_tilt(random, height, width), height, width, pad_mode);
    }
  });
}

TEST(Warp, MirrorsAtTheEdgeOfTheImage) {
  core::Image image(1, 3);  // 10 20 30 on a row
  for (int x = 0; x < 3; ++x) image.row(0)[3 * x] = static_cast<std::uint8_t>(10 * (x + 1));
  const core::Image out = warp(image, translate(-4, 0), 1, 11, PadMode::kReflection);
  const std::vector<int> expected = {30, 30, 20, 10, 10, 20, 30, 30, 20, 10, 10};
  for (std::size_t x = 0; x < expected.size(); ++x) EXPECT_EQ(out.pixels[3 * x], expected[x]) << x;
}

TEST(Warp, FadesToBlackOrKeepsTheBorderOutside) {
  core::Image image(1, 1);
  image.pixels = {200, 100, 50};
  const Matrix half_a_pixel_steps = translate(-1, 0) * scale(0.5, 1);  // samples at -.75 -.25 .25 .75 1.25 1.75
  const core::Image black = warp(image, half_a_pixel_steps, 1, 6, PadMode::kZeros);
  const core::Image border = warp(image, half_a_pixel_steps, 1, 6, PadMode::kBorder);
  const std::vector<int> expected = {0, 50, 150, 150, 50, 0};
  for (std::size_t x = 0; x < 6; ++x) {
    EXPECT_EQ(black.pixels[3 * x], expected[x]) << x;
    EXPECT_EQ(border.pixels[3 * x], 200) << x;
  }
}

TEST(Warp, ReadsNothingOutsideForMapsFarBeyondTheImage) {
  const core::Image image = noise_image(5, 7);
  for (const PadMode pad_mode : kPadModes) {
    for (const double far : {-1e30, -1e9, 1e9, 1e30}) {
      const core::Image out = warp(image, translate(far, -far), 9, 9, pad_mode);
      if (pad_mode == PadMode::kZeros) {
        EXPECT_EQ(std::count(out.pixels.begin(), out.pixels.end(), 0), 9 * 9 * 3);
      }
    }
  }
}

TEST(Warp, AveragesTheSameBlocksWhateverPartIsSeen) {
  const core::Image image = noise_image(120, 180);
  const Matrix part = translate(31, 23) * scale(3, 3);  // averaged by twos first, from a region inside
  std::vector<float> seen(3 * 20 * 20);
  warp_normalised(image, part, kRaw, 20, 20, seen.data());
  const core::Image small = box_reduce(image, {0, 0, 180, 120}, 2, 2);
  std::vector<float> expected(seen.size());
  warp_normalised(small, scale(0.5, 0.5) * part, kRaw, 20, 20, expected.data());
  for (std::size_t i = 0; i < seen.size(); ++i) ASSERT_NEAR(seen[i], expected[i], kFloatCoordinates);
}

TEST(Warp, EqualsTheScalarDefinitionForImagesOfAFewPixels) {
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 2}, {2, 1}, {1, 30}, {30, 1}}) {
    for (const PadMode pad_mode : kPadModes) {
      expect_warp_matches_reference(noise_image(height, width), identity_matrix(), 5, 19, pad_mode);
      expect_warp_matches_reference(noise_image(height, width), scale(0.3, 0.3), 7, 16, pad_mode);
    }
  }
}

TEST(Warp, IdentityKeepsThePixels) {
  const core::Image image = noise_image(20, 33);
  EXPECT_EQ(warp(image, identity_matrix(), 20, 33).pixels, image.pixels);
}

TEST(Warp, FlipMirrorsExactly) {
  const core::Image image = noise_image(6, 21);
  const core::Image flipped = warp(image, flip_horizontally(21), 6, 21);
  for (int y = 0; y < 6; ++y) {
    for (int x = 0; x < 21; ++x) {
      EXPECT_TRUE(std::equal(flipped.row(y) + 3 * x, flipped.row(y) + 3 * x + 3, image.row(y) + 3 * (20 - x)));
    }
  }
}

TEST(Warp, NormalisesEachChannel) {
  core::Image image(4, 4);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = std::array<std::uint8_t, 3>{255, 0, 51}[i % 3];
  std::vector<float> out(3 * 16);
  warp_normalised(image, identity_matrix(), imagenet_normalization(), 4, 4, out.data());
  for (std::size_t i = 0; i < out.size(); i += 3) {
    EXPECT_NEAR(out[i], (1 - 0.485) / 0.229, 1e-5);
    EXPECT_NEAR(out[i + 1], (0 - 0.456) / 0.224, 1e-5);
    EXPECT_NEAR(out[i + 2], (0.2 - 0.406) / 0.225, 1e-5);
  }
}

TEST(Warp, LetsEveryPixelCountWhenShrinkingALot) {
  const core::Image image = noise_image(230, 310);
  const double mean = std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0) / double(image.pixels.size());
  const core::Image small = warp(image, scale(310.0 / 6, 230.0 / 4), 4, 6);
  const auto [low, high] = std::minmax_element(small.pixels.begin(), small.pixels.end());
  EXPECT_NEAR(*low, mean, 12) << "noise of deviation 74, averaged over some hundred pixels";
  EXPECT_NEAR(*high, mean, 12);
}

TEST(Warp, ShrinksEachAxisOnItsOwn) {
  core::Image stripes(40, 300);  // columns alternate, so only averaging along x makes them grey
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 900; ++x) stripes.row(y)[x] = x / 3 % 2 == 0 ? 0 : 255;
  }
  const core::Image out = warp(stripes, scale(300.0 / 75, 1), 40, 75);
  for (const std::uint8_t value : out.pixels) ASSERT_NEAR(value, 127.5, 1);
}

TEST(Warp, RefusesWhatItCannotDo) {
  const core::Image image = noise_image(4, 4);
  std::vector<float> out(48);
  Matrix horizon;
  horizon.m[2] = {-0.5, 0, 1};
  Matrix endless;
  endless.m[0][0] = std::nan("");
  EXPECT_THROW(warp_normalised(image, horizon, kRaw, 4, 4, out.data()), std::invalid_argument);
  EXPECT_THROW(warp_normalised(image, endless, kRaw, 4, 4, out.data()), std::invalid_argument);
  EXPECT_THROW(warp_normalised(core::Image(), identity_matrix(), kRaw, 4, 4, out.data()), std::invalid_argument);
  EXPECT_THROW(warp_normalised(image, identity_matrix(), kRaw, 0, 4, out.data()), std::invalid_argument);
}

TEST(BoxReduce, AveragesBlocksAndPartialBlocks) {
  core::Image image(2, 3);
  const std::vector<int> red = {0, 10, 20, 30, 40, 50};
  for (std::size_t i = 0; i < red.size(); ++i) image.pixels[3 * i] = static_cast<std::uint8_t>(red[i]);
  const core::Image out = box_reduce(image, {0, 0, 3, 2}, 2, 2);
  ASSERT_EQ(out.height, 1);
  ASSERT_EQ(out.width, 2);
  EXPECT_EQ(out.pixels[0], 20);  // (0 + 10 + 30 + 40) / 4
  EXPECT_EQ(out.pixels[3], 35);  // (20 + 50) / 2
}

using testing_support::golden;
using testing_support::lit;
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
