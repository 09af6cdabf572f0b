#include "margay/chart/line_chart.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "margay/chart/png.h"
#include "margay/chart/render.h"
#include "tests/support/png_pixels.h"

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

std::ptrdiff_t count_of_ink(const core::Image& image) {
  return std::count_if(image.pixels.begin(), image.pixels.end(), [](std::uint8_t value) { return value < 200; });
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
  const core::Image image = chart_image(diagonal(), {.width = 400, .height = 300});
  const core::Image back = testing_support::png_pixels(encode_png(image));
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
  EXPECT_GT(count_of_ink(one), 100);
  const core::Image three = chart_image({chart, LineChart{}, chart}, {.width = 200, .height = 150});
  EXPECT_EQ(three.width, 200);
  EXPECT_GT(count_of_ink(three), 100);
}

/// What every text of a drawing covers, as chart_svg says; "" when all of it lies within the drawing.
std::string text_beyond_the_edge(const Drawing& drawing) {
  for (const Shape& shape : drawing.shapes) {
    const auto* text = std::get_if<DrawnText>(&shape);
    if (text == nullptr) continue;
    const double width = std::min(text_width_px(text->text), text->room_px.value_or(1e9));
    const double left = text->at.x - (text->anchor == TextAnchor::kStart    ? 0
                                      : text->anchor == TextAnchor::kMiddle ? width / 2
                                                                            : width);
    if (left < 0 || left + width > drawing.width) return text->text;
  }
  return "";
}

TEST(ChartImage, CutsNoLabelAtItsEdge) {
  LineChart chart = diagonal();
  chart.title = std::string(200, 'W');
  chart.x.label = chart.y.label = std::string(100, 'x');
  chart.series = {{.name = std::string(300, 'n'), .x = {0, 1}, .y = {1, 0}}};
  chart.marks = {{std::string(150, 'm'), 0.9, 0.5}};
  EXPECT_EQ(text_beyond_the_edge(chart_drawing(chart, {.width = 400, .height = 300})), "");
}

}  // namespace
}  // namespace margay::chart
