#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/data/transform/augment.h"
#include "tests/support/image_samples.h"

namespace margay::data {
namespace {

/// The rectangle of the source that the whole output shows.
struct Frame {
  double left, top, width, height;
};

Frame frame_of(const Matrix& matrix, int size) {
  const Point a = apply(matrix, {0, 0});
  const Point b = apply(matrix, {double(size), double(size)});
  return {std::min(a.x, b.x), std::min(a.y, b.y), std::abs(b.x - a.x), std::abs(b.y - a.y)};
}

bool is_flipped(const Matrix& matrix) { return matrix.m[0][0] < 0; }

/// Only crop and flip.
AugmentOptions plain(AugmentOptions options = {}) {
  options.max_rotate = 0;
  options.max_zoom = 1;
  options.max_warp = 0;
  options.max_lighting = 0;
  return options;
}

AugmentDraw drawn(const AugmentOptions& options, std::uint64_t item, int height = 460, int width = 460) {
  core::Random random{77, item};
  return augment(options).draw(height, width, Phase::kTrain, random);
}

TEST(Augment, ShowsTheWholeSquareForValidation) {
  core::Random random{1};
  AugmentOptions everything = {.min_scale = 0.5, .max_saturation = 0.5, .max_hue = 0.1};
  everything.erase.p_erase = 1;
  everything.policy.policy = Policy::kTrivialAugment;
  const AugmentDraw draw = augment(everything).draw(460, 460, Phase::kValid, random);
  EXPECT_EQ(draw, AugmentDraw{.matrix = scale(460.0 / 224, 460.0 / 224)});
}

TEST(Augment, ShowsTheLargestMiddleSquareOfOtherShapes) {
  core::Random random{1};
  const Frame wide = frame_of(augment().draw(100, 300, Phase::kValid, random).matrix, 224);
  EXPECT_NEAR(wide.left, 100, 1e-9);
  EXPECT_NEAR(wide.top, 0, 1e-9);
  EXPECT_NEAR(wide.width, 100, 1e-9);
  EXPECT_NEAR(wide.height, 100, 1e-9);
}

TEST(Augment, WithoutMinScaleTrainsOnTheWholeFrame) {
  for (std::uint64_t item = 0; item < 20; ++item) {
    core::Random random{2, item};
    const Frame frame = frame_of(augment(plain()).draw(460, 460, Phase::kTrain, random).matrix, 224);
    EXPECT_NEAR(frame.left, 0, 1e-9);
    EXPECT_NEAR(frame.width, 460, 1e-9);
  }
}

TEST(Augment, CropsWithinTheImageAndTheAskedShareOfItsArea) {
  const Augment crop = augment(plain({.min_scale = 0.3, .max_scale = 0.6, .min_ratio = 3.0 / 4, .max_ratio = 4.0 / 3}));
  double smallest = 1;
  double largest = 0;
  for (std::uint64_t item = 0; item < 2000; ++item) {
    core::Random random{3, item};
    const Frame frame = frame_of(crop.draw(300, 400, Phase::kTrain, random).matrix, 224);
    ASSERT_GE(frame.left, -1e-9);
    ASSERT_GE(frame.top, -1e-9);
    ASSERT_LE(frame.left + frame.width, 400 + 1e-9);
    ASSERT_LE(frame.top + frame.height, 300 + 1e-9);
    ASSERT_NEAR(std::log(frame.width / frame.height), 0, std::log(4.0 / 3) + 0.01);
    const double share = frame.width * frame.height / (300.0 * 400);
    smallest = std::min(smallest, share);
    largest = std::max(largest, share);
  }
  EXPECT_NEAR(smallest, 0.3, 0.01);
  EXPECT_NEAR(largest, 0.6, 0.01);
}

TEST(Augment, CropsAreSquareByDefaultAsInFastaisAugTransforms) {
  for (std::uint64_t item = 0; item < 50; ++item) {
    core::Random random{4, item};
    const Frame frame = frame_of(augment(plain({.min_scale = 0.75})).draw(460, 460, Phase::kTrain, random).matrix, 224);
    EXPECT_NEAR(frame.width, frame.height, 1e-9);
    EXPECT_GE(frame.width, 398);  // 460 * sqrt(.75) = 398.4, rounded
  }
}

TEST(Augment, FallsBackToTheMiddleWhenNoCropFits) {
  core::Random random{5};
  const Augment crop = augment(plain({.min_scale = 0.99, .do_flip = false}));  // no square holds 99 % of 100x1000
  const Frame frame = frame_of(crop.draw(100, 1000, Phase::kTrain, random).matrix, 224);
  EXPECT_NEAR(frame.left, 450, 1e-9);
  EXPECT_NEAR(frame.width, 100, 1e-9);
  EXPECT_NEAR(frame.height, 100, 1e-9);
}

TEST(Augment, FlipsHalfOfTheTrainingImagesAndNoOther) {
  int flipped = 0;
  for (std::uint64_t item = 0; item < 1000; ++item) {
    core::Random random{6, item};
    flipped += is_flipped(augment().draw(460, 460, Phase::kTrain, random).matrix) ? 1 : 0;
    EXPECT_FALSE(is_flipped(augment().draw(460, 460, Phase::kValid, random).matrix));
    EXPECT_FALSE(is_flipped(augment({.do_flip = false}).draw(460, 460, Phase::kTrain, random).matrix));
  }
  EXPECT_NEAR(flipped, 500, 60);
}

TEST(Augment, DrawsAnotherMatrixForEachKeyAndTheSameForTheSame) {
  std::set<double> widths;
  for (std::uint64_t item = 0; item < 20; ++item) {
    core::Random a{8, item};
    core::Random b{8, item};
    const Augment crop = augment({.min_scale = 0.2});
    const AugmentDraw draw = crop.draw(460, 460, Phase::kTrain, a);
    EXPECT_EQ(draw, crop.draw(460, 460, Phase::kTrain, b));
    widths.insert(draw.matrix.m[0][0]);
  }
  EXPECT_GT(widths.size(), 15U);
}

/// The angle of a draw that only turns, degrees.
double degrees_of(const AugmentDraw& draw) {
  return std::atan2(draw.matrix.m[0][1], draw.matrix.m[0][0]) * 180 / std::numbers::pi;
}

TEST(Augment, TurnsThreeQuartersOfTheImagesByUpToTenDegreesTimesMult) {
  AugmentOptions options = plain({.mult = 2, .do_flip = false});
  options.max_rotate = 10;
  int turned = 0;
  double most = 0;
  for (std::uint64_t item = 0; item < 2000; ++item) {
    const double degrees = degrees_of(drawn(options, item));
    turned += degrees != 0 ? 1 : 0;
    most = std::max(most, std::abs(degrees));
    EXPECT_NEAR(apply(drawn(options, item).matrix, {112, 112}).x, 230, 1e-9) << "about the middle";
  }
  EXPECT_NEAR(turned, 1500, 80);
  EXPECT_NEAR(most, 20, 0.1);
  EXPECT_LE(most, 20);
}

TEST(Augment, ZoomsInsideTheImageByUpToATenth) {
  AugmentOptions options = plain({.do_flip = false});
  options.max_zoom = 1.1;
  int zoomed = 0;
  for (std::uint64_t item = 0; item < 2000; ++item) {
    const Frame frame = frame_of(drawn(options, item).matrix, 224);
    zoomed += frame.width < 460 - 1e-6 ? 1 : 0;
    ASSERT_GE(frame.width, 460 / 1.1 - 1e-9);
    ASSERT_GE(frame.left, -1e-9);
    ASSERT_LE(frame.top + frame.height, 460 + 1e-9);
  }
  EXPECT_NEAR(zoomed, 1500, 80);
}

TEST(Augment, TiltsEachWayWithProbabilityPAffine) {
  AugmentOptions options = plain({.do_flip = false});
  options.max_warp = 0.2;
  int affine = 0;
  int tilted_one_way = 0;
  for (std::uint64_t item = 0; item < 4000; ++item) {
    const Matrix matrix = drawn(options, item).matrix;
    affine += matrix.is_affine() ? 1 : 0;
    tilted_one_way += (std::abs(matrix.m[2][0]) < 1e-12) != (std::abs(matrix.m[2][1]) < 1e-12) ? 1 : 0;
  }
  EXPECT_NEAR(affine, 4000.0 / 16, 60);
  EXPECT_NEAR(tilted_one_way, 4000.0 * 6 / 16, 120);
}

TEST(Augment, NeverShowsTheHorizonHoweverStrongTheTilt) {
  AugmentOptions options = {
      .mult = 1, .max_rotate = 180, .min_zoom = 0.3, .max_zoom = 2, .max_warp = 0.5, .p_affine = 1};
  const core::Image image = testing_support::noise_image(46, 46);
  std::vector<float> out(3 * 224 * 224);
  for (std::uint64_t item = 0; item < 100; ++item) {
    std::fill(out.begin(), out.end(), std::numeric_limits<float>::quiet_NaN());
    ASSERT_NO_THROW(augment(options).apply(image, drawn(options, item, 46, 46), imagenet_normalization(), out.data()));
    // Every pixel is one of the image's, or between some of them: from 0 to 255, normalised.
    ASSERT_TRUE(std::ranges::all_of(out, [](float value) { return value > -2.2F && value < 2.7F; })) << item;
  }
}

TEST(Augment, LightsAsFastaiDraws) {
  const AugmentOptions options = {.max_saturation = 0.3, .max_hue = 0.1};
  int bright = 0;
  double log_contrast = 0;
  for (std::uint64_t item = 0; item < 4000; ++item) {
    const Lighting lighting = drawn(options, item).lighting;
    bright += lighting.brightness != 0.5 ? 1 : 0;
    log_contrast += std::log(lighting.contrast);
    ASSERT_NEAR(lighting.brightness, 0.5, 0.1);
    ASSERT_LE(std::abs(std::log(lighting.contrast)), -std::log(0.8) + 1e-12);
    ASSERT_LE(std::abs(std::log(lighting.saturation)), -std::log(0.7) + 1e-12);
    ASSERT_LE(std::abs(std::log(1 + lighting.hue)), -std::log(0.9) + 1e-12);
  }
  EXPECT_NEAR(bright, 3000, 110);
  EXPECT_NEAR(log_contrast / 4000, 0, 0.01);
}

TEST(Augment, LeavesColoursAloneUnlessAskedTo) {
  const Lighting lighting = drawn({}, 1).lighting;
  EXPECT_EQ(lighting.saturation, 1);
  EXPECT_EQ(lighting.hue, 0);
  EXPECT_TRUE(drawn(plain(), 1).lighting.is_neutral());
  EXPECT_TRUE(drawn({}, 1).erased.empty());
}

TEST(Augment, ShowsAllEightSymmetriesWithFlipVert) {
  std::map<std::string, int> seen;
  for (std::uint64_t item = 0; item < 1600; ++item) {
    const Matrix matrix = drawn(plain({.flip_vert = true}), item).matrix;
    const auto sign = [](double value) { return std::abs(value) < 1e-9 ? 0 : (value > 0 ? 1 : -1); };
    seen[fmt::format("{} {} {} {}", sign(matrix.m[0][0]), sign(matrix.m[0][1]), sign(matrix.m[1][0]),
                     sign(matrix.m[1][1]))]++;
  }
  EXPECT_EQ(seen.size(), 8U);
  EXPECT_NEAR(seen["1 0 0 1"], 900, 70) << "half of the time none is drawn, and one in eight is nothing";
  EXPECT_NEAR(seen["0 1 1 0"], 100, 30);
}

TEST(Augment, APolicyReplacesRotationZoomTiltsAndLightingButNotTheFlip) {
  AugmentOptions options = {.max_rotate = 180, .max_lighting = 0.9};
  options.policy = {.policy = Policy::kRandAugment, .num_ops = 0};
  int flipped = 0;
  for (std::uint64_t item = 0; item < 200; ++item) {
    const AugmentDraw draw = drawn(options, item);
    EXPECT_TRUE(draw.lighting.is_neutral());
    flipped += is_flipped(draw.matrix) ? 1 : 0;
    EXPECT_NEAR(std::abs(draw.matrix.m[0][0]), 460.0 / 224, 1e-9);
  }
  EXPECT_NEAR(flipped, 100, 35);
}

TEST(Augment, RefusesOptionsOutOfRangeOrOrder) {
  EXPECT_THROW(augment({.mult = 4, .max_lighting = 0.5}), std::invalid_argument);
  EXPECT_THROW(augment({.min_zoom = 2, .max_zoom = 1}), std::invalid_argument);
  EXPECT_THROW(augment({.erase = {.sl = 0.5}}), std::invalid_argument);
  EXPECT_THROW(augment({.min_scale = 0}), std::invalid_argument);
  EXPECT_THROW(augment({.min_scale = 0.9, .max_scale = 0.5}), std::invalid_argument);
  EXPECT_THROW(augment({.min_ratio = 2, .max_ratio = 1}), std::invalid_argument);
  core::Random random{1};
  EXPECT_THROW(augment().draw(0, 5, Phase::kValid, random), std::invalid_argument);
}

TEST(Augment, OptionsSurviveJson) {
  const AugmentOptions options = {.size = 96, .min_scale = 0.35, .do_flip = false};
  AugmentOptions read;
  core::from_json(core::to_json(options), read);
  EXPECT_EQ(core::to_json(read), core::to_json(options));
}

TEST(Augment, OptionsOfAnOlderVersionAreStillRead) {
  AugmentOptions read;
  core::from_json(nlohmann::ordered_json::parse(R"({"size": 96, "min_scale": 0.35, "do_flip": false})"), read);
  EXPECT_EQ(read.size, 96);
  EXPECT_EQ(read.max_rotate, 10);
  EXPECT_NO_THROW(augment(read));
}

TEST(Normalization, SurvivesJson) {
  Normalization read;
  core::from_json(core::to_json(imagenet_normalization()), read);
  EXPECT_EQ(read.mean, imagenet_normalization().mean);
  EXPECT_EQ(read.std, imagenet_normalization().std);
}

}  // namespace

}  // namespace margay::data
