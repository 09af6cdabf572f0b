#include "margay/chart/chart_image.h"

#include <cmath>

#include <gtest/gtest.h>

#include "margay/chart/brush.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/write_image.h"
#include "tests/support/temporary_folder.h"

namespace margay::chart {
namespace {

constexpr Rgb kBlue = series_colour(0);

int distance(const std::uint8_t* pixel, const Rgb& colour) {
  return std::abs(pixel[0] - colour.red) + std::abs(pixel[1] - colour.green) + std::abs(pixel[2] - colour.blue);
}

bool is_near(const core::Image& image, int x, int y, const Rgb& colour) {
  return distance(image.row(y) + 3 * x, colour) < 30;
}

int count_colour(const core::Image& image, const Rgb& colour) {
  int found = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) found += is_near(image, x, y, colour) ? 1 : 0;
  }
  return found;
}

core::Image white(int height, int width) {
  core::Image image(height, width);
  image.pixels.assign(image.pixels.size(), 255);
  return image;
}

/// From corner to corner of the axes, which chart_svg's test puts at (51.5, 258) and (382, 25).
LineChart diagonal() {
  LineChart chart;
  chart.x = {.label = "", .low = 0, .high = 1};
  chart.y = {.label = "", .low = 0, .high = 1};
  chart.series = {{.name = "", .x = {0, 1}, .y = {0, 1}}};
  return chart;
}

TEST(ChartImage, HasInkWhereTheCurveIs) {
  const core::Image image = chart_image(diagonal(), {.width = 400, .height = 300});
  for (const double along : {0.1, 0.33, 0.5, 0.77, 0.9}) {
    const int x = static_cast<int>(51.5 + along * 330.5);
    const int y = static_cast<int>(258 - along * 233);
    EXPECT_TRUE(is_near(image, x, y, kBlue) || is_near(image, x, y - 1, kBlue)) << along;
    EXPECT_FALSE(is_near(image, x, y + 8, kBlue));
  }
}

TEST(ChartImage, ShowsAMark) {
  LineChart chart = diagonal();
  chart.marks = {{"half", 0.5, 0.5}};
  constexpr Rgb kInk = {28, 35, 48};
  const core::Image image = chart_image(chart, {.width = 400, .height = 300});
  EXPECT_TRUE(is_near(image, 216, 141, kInk));
  EXPECT_FALSE(is_near(chart_image(diagonal(), {.width = 400, .height = 300}), 216, 141, kInk));
  EXPECT_GT(count_colour(image, kInk), 60);  // the disc and its name
}

TEST(ChartImage, IsAPng) {
  const testing_support::TemporaryFolder folder;
  const core::Image image = chart_image(diagonal(), {.width = 400, .height = 300});
  data::write_png(folder / "chart.png", image);
  const core::Image back = data::read_image(folder / "chart.png");
  EXPECT_EQ(back.width, 400);
  EXPECT_EQ(back.height, 300);
  EXPECT_EQ(back.pixels, image.pixels);
}

TEST(ChartImage, DrawsWithoutDataAndInTheSmallestSize) {
  LineChart chart = diagonal();
  chart.title = std::string(200, 'W');
  chart.series.assign(50, {.name = "a name that is longer than the image is wide", .x = {0, 1}, .y = {1, 0}});
  chart.marks.assign(20, {"mark", 0.5, 0.5});
  const core::Image one = chart_image(chart, {.width = 200, .height = 150});
  EXPECT_EQ(one.width, 200);
  EXPECT_EQ(one.height, 150);
  EXPECT_NE(one.pixels, white(150, 200).pixels);
  const core::Image three = chart_image({chart, LineChart{}, chart}, {.width = 200, .height = 150});
  EXPECT_EQ(three.width, 200);
  EXPECT_NE(three.pixels, white(three.height, 200).pixels);
}

TEST(PaintLine, CoversAsMuchAsTheLineIsWide) {
  core::Image image = white(20, 40);
  paint_line({{5, 10.5}, {35, 10.5}}, 1, {0, 0, 0}, {}, image);
  EXPECT_EQ(image.row(10)[3 * 20], 0);
  EXPECT_EQ(image.row(9)[3 * 20], 255);
  paint_line({{5, 5}, {35, 5}}, 2, {0, 0, 0}, {}, image);
  EXPECT_EQ(image.row(4)[3 * 20], 0);
  EXPECT_EQ(image.row(5)[3 * 20], 0);
  EXPECT_EQ(image.row(3)[3 * 20], 255);
}

TEST(PaintLine, PaintsNothingTwiceWhereItsPiecesMeet) {
  core::Image image = white(20, 40);
  paint_line({{5, 10}, {20, 10}, {20, 10}, {35, 10}}, 1, {0, 0, 0}, {}, image);
  for (const int x : {10, 19, 20, 30}) EXPECT_EQ(image.row(10)[3 * x], image.row(10)[3 * 10]) << x;
}

TEST(PaintLine, LeavesTheGapsOfADashedLineFree) {
  core::Image image = white(20, 60);
  paint_line({{0, 10.5}, {30, 10.5}, {60, 10.5}}, 1, {0, 0, 0}, {10, 10}, image);
  for (const int x : {5, 25, 45}) EXPECT_EQ(image.row(10)[3 * x], 0) << x;
  for (const int x : {15, 35, 55}) EXPECT_EQ(image.row(10)[3 * x], 255) << x;
}

TEST(PaintText, StandsAtItsAnchorInItsColour) {
  core::Image image = white(30, 200);
  paint_text({{100, 15}, "abc", TextAnchor::kEnd, {Role::kInk}, TextWeight::kNormal}, {200, 0, 0}, image);
  int right = 0;
  for (int x = 0; x < image.width; ++x) {
    for (int y = 0; y < image.height; ++y) {
      if (image.row(y)[3 * x + 1] < 200) right = x;
      EXPECT_GE(image.row(y)[3 * x], 199);
    }
  }
  EXPECT_NEAR(right, 99, 1);
  EXPECT_NO_THROW(paint_text({{-5, -3}, "outside", TextAnchor::kMiddle, {}, TextWeight::kBold}, {0, 0, 0}, image));
  EXPECT_NO_THROW(paint_text({{500, 40}, "", TextAnchor::kStart, {}, TextWeight::kBold}, {0, 0, 0}, image));
}

}  // namespace
}  // namespace margay::chart
