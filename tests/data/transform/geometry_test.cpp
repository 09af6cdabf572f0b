#include <cmath>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "margay/data/transform/geometry.h"
#include "tests/data/transform/transform_reference.h"
#include "tests/support/golden.h"

namespace margay::data {
namespace {

void expect_point(Point actual, double x, double y) {
  EXPECT_DOUBLE_EQ(actual.x, x);
  EXPECT_DOUBLE_EQ(actual.y, y);
}

TEST(Matrix, AppliesTheRightFactorFirst) {
  const Matrix crop = translate(10, 20) * scale(2, 3);
  expect_point(apply(crop, {0, 0}), 10, 20);
  expect_point(apply(crop, {1, 1}), 12, 23);
}

TEST(Matrix, FlipsWithinTheWidth) {
  expect_point(apply(flip_horizontally(8), {0.5, 3}), 7.5, 3);
  EXPECT_EQ(flip_horizontally(8) * flip_horizontally(8), identity_matrix());
}

TEST(Matrix, DividesByTheThirdComponent) {
  Matrix projective;
  projective.m[2] = {0, 0.5, 1};
  EXPECT_FALSE(projective.is_affine());
  expect_point(apply(projective, {4, 2}), 2, 1);
}

TEST(Matrix, StaysAffineUnderProducts) {
  EXPECT_TRUE((translate(1, 2) * scale(3, 4) * flip_horizontally(5)).is_affine());
}

using testing_support::FineImage;
using testing_support::from_fastai_frame;
using testing_support::golden;
using testing_support::largest_difference;
using testing_support::matrix_of;
using testing_support::to_fastai_frame;

constexpr double kFloat32 = 3e-5;  // of 1: fastai samples at float32 coordinates in a frame, so do we in pixels

void expect_matrix(const Matrix& actual, const Matrix& expected, double tolerance) {
  for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(actual.m[i / 3][i % 3], expected.m[i / 3][i % 3], tolerance) << i;
}

struct Case {
  std::string name;
  Matrix first;       ///< for the first image of the golden batch, before the aspect is accounted for
  Matrix second;      ///< for the second
  Matrix tilt_first;  ///< comes after
  Matrix tilt_second;
};

std::vector<Case> cases() {
  const Matrix none;
  return {
      {"Flip draw=[1,0]", frame_dihedral(1), none, none, none},
      {"Dihedral draw=[5,3]", frame_dihedral(5), frame_dihedral(3), none, none},
      {"Rotate draw=[10,-7.5]deg", frame_rotate(10), frame_rotate(-7.5), none, none},
      {"Zoom draw=[1.1,1.05] x=.3 y=.8", frame_zoom(1.1, .3, .8), frame_zoom(1.05, .3, .8), none, none},
      {"Warp draw_x=[.2,-.1] draw_y=[-.15,.05]", none, none, frame_perspective(.2, -.15), frame_perspective(-.1, .05)}};
}

void expect_golden_map(const Case& each, const nlohmann::json& all, const std::string& size, const std::string& pad) {
  const std::string key = each.name + " size=" + size + " pad=" + pad;
  ASSERT_TRUE(all.contains(key)) << key;
  SCOPED_TRACE(key);
  for (std::size_t i = 0; i < 2; ++i) {
    const FineImage image(all["x"][i]);
    const int h = image.coarse.height;
    const int w = image.coarse.width;
    const Matrix maps = frame_for_aspect(i == 0 ? each.first : each.second, h, w);
    expect_matrix(maps, matrix_of(all[key]["mat"][i]), 1e-6);
    const nlohmann::json& expected = all[key]["out"][i];
    const int height = static_cast<int>(expected[0].size());
    const int width = static_cast<int>(expected[0][0].size());
    const Matrix matrix =
        from_fastai_frame(h, w) * (i == 0 ? each.tilt_first : each.tilt_second) * maps * to_fastai_frame(height, width);
    const PadMode mode = core::from_text<PadMode>(pad);
    const std::vector<double> out = image.warped(matrix, height, width, mode);
    const bool inside_only = mode == PadMode::kReflection;  // fastai mirrors at pixel centres
    EXPECT_LT(largest_difference(out, expected, matrix, image.coarse, inside_only), kFloat32);
  }
}

TEST(FrameMaps, GiveEachTransformOfFastaiAndItsImageAtEverySizeAndPadding) {
  MARGAY_REQUIRE_GOLDEN("aug_batch.json");
  const nlohmann::json all = golden("aug_batch.json");
  for (const Case& each : cases()) {
    for (const char* pad : {"reflection", "border", "zeros"}) expect_golden_map(each, all, "None", pad);
    expect_golden_map(each, all, "16", "reflection");
    expect_golden_map(each, all, "(12, 30)", "reflection");
  }
}

TEST(FrameMaps, ComposeAsFastaiComposes) {
  MARGAY_REQUIRE_GOLDEN("aug_batch.json");
  const nlohmann::json all = golden("aug_batch.json");
  for (const char* size : {"None", "16"}) {
    const nlohmann::json& expected = all[std::string("composed Flip+Warp+Rotate+Zoom size=") + size];
    for (std::size_t i = 0; i < 2; ++i) {
      const FineImage image(all["x"][i]);
      const int h = image.coarse.height;
      const int w = image.coarse.width;
      const Matrix maps =
          frame_dihedral(i == 0 ? 1 : 0) * frame_rotate(i == 0 ? 10 : -7.5) * frame_zoom(i == 0 ? 1.1 : 1.05, .3, .8);
      expect_matrix(frame_for_aspect(maps, h, w), matrix_of(expected["mat"][i]), 1e-6);
      const Matrix all_maps =
          (i == 0 ? frame_perspective(.2, -.15) : frame_perspective(-.1, .05)) * frame_for_aspect(maps, h, w);
      const int height = static_cast<int>(expected["out"][i][0].size());
      const int width = static_cast<int>(expected["out"][i][0][0].size());
      const Matrix matrix = from_fastai_frame(h, w) * all_maps * to_fastai_frame(height, width);
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          const Point at = apply(all_maps * to_fastai_frame(height, width), {x + 0.5, y + 0.5});
          EXPECT_NEAR(at.x, expected["coords"][i][std::size_t(y)][std::size_t(x)][0].get<double>(), 1e-5);
          EXPECT_NEAR(at.y, expected["coords"][i][std::size_t(y)][std::size_t(x)][1].get<double>(), 1e-5);
        }
      }
      const std::vector<double> out = image.warped(matrix, height, width, PadMode::kReflection);
      EXPECT_LT(largest_difference(out, expected["out"][i], matrix, image.coarse, true), kFloat32);
    }
  }
}

TEST(FrameMaps, PerspectiveTakesTheTiltedCornersToTheCornersOfTheImage) {
  const double x = 0.3;
  const double y = -0.2;
  for (const double sx : {-1.0, 1.0}) {
    for (const double sy : {-1.0, 1.0}) {
      const Point at = apply(frame_perspective(x, y), {sx - y * sx * sy, sy - x * sx * sy});
      EXPECT_NEAR(at.x, sx, 1e-12);
      EXPECT_NEAR(at.y, sy, 1e-12);
    }
  }
  EXPECT_TRUE(frame_perspective(0, 0).is_affine());
}

TEST(FrameMaps, DihedralIndicesAreTheEightSymmetriesOfTheSquare) {
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < i; ++j) EXPECT_FALSE(frame_dihedral(i) == frame_dihedral(j));
    const Point corner = apply(frame_dihedral(i), {1, 1});
    EXPECT_EQ(std::abs(corner.x), 1);
    EXPECT_EQ(std::abs(corner.y), 1);
  }
  EXPECT_THROW(frame_dihedral(8), std::invalid_argument);
}

TEST(FrameMaps, PixelsAndFrameAreInverse) {
  const Matrix there = frame_to_pixels(3, 4, 10, 20);
  expect_matrix(there * pixels_to_frame(3, 4, 10, 20), identity_matrix(), 1e-12);
  const Point corner = apply(there, {1, -1});
  EXPECT_DOUBLE_EQ(corner.x, 13);
  EXPECT_DOUBLE_EQ(corner.y, 4);
}

}  // namespace

}  // namespace margay::data
