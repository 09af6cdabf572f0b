#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "margay/data/transform/policy.h"
#include "tests/support/image_samples.h"

namespace margay::data {
namespace {

using OperationKind = ImageOp::Kind;
using testing_support::noise_image;

/// A row of pixels.
core::Image row_of(const std::vector<std::uint8_t>& bytes) {
  core::Image image(1, static_cast<int>(bytes.size() / 3));
  image.pixels = bytes;
  return image;
}

std::vector<std::uint8_t> after(OperationKind kind, double strength, const std::vector<std::uint8_t>& bytes) {
  core::Image image = row_of(bytes);
  apply(ImageOp{kind, strength}, image);
  return image.pixels;
}

using Bytes = std::vector<std::uint8_t>;

// Expected values follow by hand from Pillow 9.4's ImageEnhance.py, ImageOps.py and libImaging/Blend.c.
TEST(ImageOp, BrightnessScalesAndCutsFractionsOff) {
  EXPECT_EQ(after(OperationKind::kBrightness, 0.5, {10, 21, 255}), (Bytes{5, 10, 127}));
  EXPECT_EQ(after(OperationKind::kBrightness, 1.5, {10, 21, 200}), (Bytes{15, 31, 255}));
  EXPECT_EQ(after(OperationKind::kBrightness, 0, {10, 21, 200}), (Bytes{0, 0, 0}));
}

TEST(ImageOp, ColorMovesAwayFromTheGreyOfThePixel) {
  // grey = (19595 * 100 + 38470 * 50 + 7471 * 200 + 32768) >> 16 = 82
  EXPECT_EQ(after(OperationKind::kColor, 0, {100, 50, 200}), (Bytes{82, 82, 82}));
  EXPECT_EQ(after(OperationKind::kColor, 0.5, {100, 50, 200}), (Bytes{91, 66, 141}));
  EXPECT_EQ(after(OperationKind::kColor, 2, {100, 50, 200}), (Bytes{118, 18, 255}));
}

TEST(ImageOp, ContrastMovesAwayFromTheMeanGrey) {
  // greys 10 and 21: mean 15.5, rounded up to 16
  EXPECT_EQ(after(OperationKind::kContrast, 0, {10, 10, 10, 21, 21, 21}), (Bytes{16, 16, 16, 16, 16, 16}));
  EXPECT_EQ(after(OperationKind::kContrast, 2, {10, 10, 10, 21, 21, 21}), (Bytes{4, 4, 4, 26, 26, 26}));
}

TEST(ImageOp, SharpnessMovesAwayFromTheSmoothedImageAndLeavesTheOutermostPixels) {
  core::Image image(3, 3);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{26});
  for (int c = 0; c < 3; ++c) image.row(1)[3 + c] = 130;  // smoothed: (8 * 26 + 5 * 130) / 13 = 66
  core::Image smooth = image;
  apply(ImageOp{OperationKind::kSharpness, 0}, smooth);
  EXPECT_EQ(smooth.row(1)[3], 66);
  EXPECT_EQ(smooth.row(0)[3], 26);
  apply(ImageOp{OperationKind::kSharpness, 1.5}, image);
  EXPECT_EQ(image.row(1)[3], 162);  // 66 + 1.5 * 64
}

TEST(ImageOp, FactorOneChangesNothing) {
  const core::Image image = noise_image(13, 17);
  for (const OperationKind kind :
       {OperationKind::kBrightness, OperationKind::kColor, OperationKind::kContrast, OperationKind::kSharpness}) {
    EXPECT_EQ(apply_all(std::vector<ImageOp>{{kind, 1}}, image).pixels, image.pixels);
  }
  EXPECT_EQ(apply_all(std::vector<ImageOp>{{OperationKind::kPosterize, 8}}, image).pixels, image.pixels);
}

TEST(ImageOp, PosterizeKeepsTheHighBits) {
  EXPECT_EQ(after(OperationKind::kPosterize, 4, {255, 17, 15}), (Bytes{240, 16, 0}));
  EXPECT_EQ(after(OperationKind::kPosterize, 0, {255, 17, 15}), (Bytes{0, 0, 0}));
}

TEST(ImageOp, SolarizeInvertsFromTheThresholdOn) {
  EXPECT_EQ(after(OperationKind::kSolarize, 128, {127, 128, 255}), (Bytes{127, 127, 0}));
  EXPECT_EQ(after(OperationKind::kSolarize, 178.5, {178, 179, 0}), (Bytes{178, 76, 0}));
}

TEST(ImageOp, AutoContrastStretchesEachChannel) {
  EXPECT_EQ(after(OperationKind::kAutoContrast, 0, {100, 0, 7, 150, 255, 7, 120, 128, 7}),
            (Bytes{0, 0, 7, 255, 255, 7, 102, 128, 7}));  // (120 - 100) * 5.1 = 102
}

TEST(ImageOp, EqualizeFlattensEachHistogram) {
  // 1,020 pixels of the values 0 … 3, equally many; step = (1020 - 255) / 255 = 3, so levels 0, 85, 170, 255 and a
  // half step of 1: (1 + 255 k) / 3
  core::Image image(4, 255);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(i / 765);
  apply(ImageOp{OperationKind::kEqualize}, image);
  for (int k = 0; k < 4; ++k) EXPECT_EQ(image.row(k)[0], 85 * k);
}

TEST(ImageOp, EqualizeLeavesSmallAndPlainImages) {
  EXPECT_EQ(after(OperationKind::kEqualize, 0, {1, 2, 3, 4, 5, 6}), (Bytes{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(after(OperationKind::kEqualize, 0, {9, 9, 9, 9, 9, 9}), (Bytes{9, 9, 9, 9, 9, 9}));
}

TEST(ImageOp, RefusesWhatMakesNoSense) {
  core::Image image = noise_image(2, 2);
  EXPECT_THROW(apply(ImageOp{OperationKind::kBrightness, -0.1}, image), std::invalid_argument);
  EXPECT_THROW(apply(ImageOp{OperationKind::kPosterize, 9}, image), std::invalid_argument);
}

using DrawnKind = ImageOp::Kind;

PolicyDraw drawn_by_policy(const PolicyOptions& options, std::uint64_t item) {
  core::Random random{31, item};
  return draw_policy(options, 331, random);
}

TEST(Policy, RandAugmentDrawsEachOfItsFourteenOperationsEquallyOften) {
  std::map<int, int> colours;
  int geometric = 0;
  int nothing = 0;
  constexpr int kDraws = 14000;
  for (std::uint64_t item = 0; item < kDraws; ++item) {
    const PolicyDraw draw = drawn_by_policy({.policy = Policy::kRandAugment, .num_ops = 1}, item);
    if (!draw.image_ops.empty()) {
      ++colours[static_cast<int>(draw.image_ops[0].kind)];
    } else {
      ++(draw.matrix == identity_matrix() ? nothing : geometric);
    }
  }
  EXPECT_EQ(colours.size(), 8U);
  for (const auto& [kind, count] : colours) EXPECT_NEAR(count, 1000, 120) << kind;
  EXPECT_NEAR(geometric, 5000, 250);
  EXPECT_NEAR(nothing, 1000, 120);
}

// torchvision 0.14: magnitude 9 of linspace(0, most, 31), so 0.3 of the most.
TEST(Policy, RandAugmentUsesTheStrengthsOfTorchvision) {
  for (std::uint64_t item = 0; item < 500; ++item) {
    const PolicyDraw draw = drawn_by_policy({.policy = Policy::kRandAugment, .num_ops = 1}, item);
    for (const ImageOp& op : draw.image_ops) {
      if (op.kind <= DrawnKind::kSharpness) {
        EXPECT_NEAR(std::abs(op.strength - 1), 0.27, 1e-12);
      }
      if (op.kind == DrawnKind::kPosterize) {
        EXPECT_EQ(op.strength, 7);  // 8 - round(9 / 7.5)
      }
      if (op.kind == DrawnKind::kSolarize) {
        EXPECT_NEAR(op.strength, 178.5, 1e-9);
      }
    }
    const auto& m = draw.matrix.m;
    if (!draw.image_ops.empty()) continue;
    if (m[0][0] != 1) {
      EXPECT_NEAR(m[0][0], std::cos(9 * 3.14159265358979 / 180), 1e-12);
    }
    if (m[0][0] == 1 && m[0][1] != 0) {
      EXPECT_NEAR(std::abs(m[0][1]), 0.09, 1e-12);
    }
    if (m[0][0] == 1 && m[0][1] == 0 && m[0][2] != 0) {
      EXPECT_NEAR(std::abs(m[0][2]), 45, 1e-12);
    }
  }
}

TEST(Policy, RandAugmentTakesNumOpsOperations) {
  std::size_t most = 0;
  for (std::uint64_t item = 0; item < 300; ++item) {
    const PolicyDraw draw = drawn_by_policy({.policy = Policy::kRandAugment, .num_ops = 4}, item);
    most = std::max(most, draw.image_ops.size());
  }
  EXPECT_EQ(most, 4U);
}

TEST(Policy, TrivialAugmentDrawsOneOperationOfAnyStrength) {
  std::map<double, int> bits;
  double widest = 0;
  for (std::uint64_t item = 0; item < 6000; ++item) {
    const PolicyDraw draw = drawn_by_policy({.policy = Policy::kTrivialAugment}, item);
    ASSERT_LE(draw.image_ops.size(), 1U);
    for (const ImageOp& op : draw.image_ops) {
      if (op.kind == DrawnKind::kPosterize) ++bits[op.strength];
      if (op.kind <= DrawnKind::kSharpness) {
        EXPECT_GE(op.strength, 0.01 - 1e-12);
        widest = std::max(widest, op.strength);
      }
    }
  }
  EXPECT_NEAR(widest, 1.99, 1e-12);
  EXPECT_EQ(bits.size(), 7U);
  EXPECT_EQ(bits.begin()->first, 2);
}

TEST(Policy, NoneDrawsNothing) {
  core::Random random{1};
  core::Random same{1};
  EXPECT_EQ(draw_policy({}, 224, random).matrix, identity_matrix());
  EXPECT_EQ(random.next(), same.next());
}

}  // namespace

}  // namespace margay::data
