// Butterfly, fish, ladybird and shell.

#include <cmath>

#include "margay/data/sample/shapes.h"

namespace margay::data::sample {
namespace {

int draw_count(core::Random& random, int low, int high) {
  const int choices = high - low + 1;
  return low + static_cast<int>(random.below(static_cast<std::uint64_t>(choices)));
}

/// The same line on the left and on the right.
void stroke_both(Canvas& canvas, const Path& line, double width, const Colour& colour) {
  canvas.stroke(line, width, colour);
  canvas.stroke(mirrored(line), width, colour);
}

void fill_both(Canvas& canvas, const Path& path, const Paint& paint) {
  canvas.fill(path, paint);
  canvas.fill(mirrored(path), paint);
}

/// A wing with a rim, a coloured field and a spot like an eye.
void draw_wings(Canvas& canvas, const Path& wing, Point eye, double eye_radius, const Palette& palette) {
  const Point root{0.1, 0};
  fill_both(canvas, wing, {palette.main});
  fill_both(canvas, scaled(wing, 0.76, root), {palette.accent});
  fill_both(canvas, scaled(wing, 0.36, root), {palette.main});
  fill_both(canvas, circle(eye, eye_radius), {palette.detail});
  fill_both(canvas, circle(eye, eye_radius * 0.45), {palette.main});
}

void draw_fins(Canvas& canvas, const Palette& palette, core::Random& random) {
  const double spread = random.uniform(0.38, 0.56);
  const double height = random.uniform(0.62, 0.78);
  canvas.fill(
      smooth({{-0.6, 0}, {-1.2, -spread}, {-1.3, -0.8 * spread}, {-1.08, 0}, {-1.3, 0.8 * spread}, {-1.2, spread}}),
      {palette.accent});
  canvas.fill(smooth({{-0.4, -0.25}, {-0.2, -height}, {0.15, -height}, {0.4, -0.35}}), {palette.accent});
  canvas.fill(smooth({{-0.1, 0.3}, {-0.25, height}, {0.05, 0.9 * height}, {0.3, 0.3}}), {palette.accent});
}

/// Where the spots of a ladybird sit: `pairs` down its back, by turns far from the seam and near it.
std::vector<Point> ladybird_spots(int pairs, core::Random& random) {
  std::vector<Point> centres;
  for (int pair = 0; pair < pairs; ++pair) {
    const double y = -0.36 + 0.98 * pair / (pairs - 1) + random.uniform(-0.03, 0.03);
    const double x = (pair % 2 == 0 ? 0.3 : 0.5) * std::sqrt(1.1 - y * y) + random.uniform(-0.02, 0.02);
    centres.push_back({x, y});
    centres.push_back({-x, y});
  }
  return centres;
}

}  // namespace

void draw_butterfly(Canvas& canvas, const Palette& palette, core::Random& random) {
  const double reach = random.uniform(0.95, 1.15);
  const double tail = random.uniform(0.85, 1.1);
  const Path lower = smooth({{0.03, 0.05}, {0.6, 0.05}, {0.92 * reach, 0.4}, {0.62 * reach, tail}, {0.22, 0.62}});
  const Path upper =
      smooth({{0.03, -0.12}, {0.4, -0.72}, {1.05 * reach, -0.92}, {1.12 * reach, -0.35}, {0.6, 0.12}, {0.03, 0.12}});
  draw_wings(canvas, lower, {0.55 * reach, 0.45}, 0.12, palette);
  draw_wings(canvas, upper, {0.72 * reach, -0.48}, random.uniform(0.12, 0.17), palette);
  canvas.fill(ellipse({0, 0.05}, 0.09, 0.55), {palette.detail});
  canvas.fill(circle({0, -0.52}, 0.12), {palette.detail});
  stroke_both(canvas, smooth_line({{0.03, -0.55}, {0.14, -0.85}, {0.34, -1.02}}), 0.045, palette.detail);
}

void draw_fish(Canvas& canvas, const Palette& palette, core::Random& random) {
  const double height = random.uniform(0.4, 0.52);
  const double period = random.uniform(0.3, 0.44);
  draw_fins(canvas, palette, random);
  canvas.fill(smooth({{-0.78, 0},
                      {-0.35, -0.75 * height},
                      {0.25, -height},
                      {0.78, -0.55 * height},
                      {1, 0.03},
                      {0.75, 0.6 * height},
                      {0.2, height},
                      {-0.35, 0.75 * height}}),
              {palette.main, palette.accent, ribs(period, -0.5, random.uniform())});
  canvas.fill(smooth({{0.5, -0.75 * height},
                      {0.82, -0.5 * height},
                      {1, 0.03},
                      {0.78, 0.55 * height},
                      {0.5, 0.8 * height},
                      {0.58, 0}}),
              {palette.main});
  canvas.fill(circle({0.72, -0.1}, 0.095), {palette.detail});
  canvas.fill(circle({0.74, -0.12}, 0.04), {palette.main});
  canvas.stroke(smooth_line({{0.1, 0.05}, {0.24, 0.14}, {0.12, 0.24}}), 0.04, palette.detail);
}

void draw_ladybird(Canvas& canvas, const Palette& palette, core::Random& random) {
  const double width = random.uniform(0.72, 0.84);
  for (const double y : {-0.4, 0.05, 0.5}) {
    const Path leg{{0.5, y}, {width + 0.16, y + 0.12 * (y - 0.2)}, {width + 0.3, y + 0.22 + 0.1 * y}};
    stroke_both(canvas, leg, 0.07, palette.detail);
  }
  stroke_both(canvas, smooth_line({{0.12, -0.95}, {0.22, -1.18}, {0.38, -1.26}}), 0.045, palette.detail);
  canvas.fill(ellipse({0, -0.78}, 0.42, 0.34), {palette.detail});
  fill_both(canvas, circle({0.24, -0.92}, 0.075), {palette.main});
  const Texture pattern = spots(ladybird_spots(draw_count(random, 3, 4), random), random.uniform(0.115, 0.15));
  canvas.fill(ellipse({0, 0.1}, width, 0.86), {palette.main, palette.accent, pattern});
  canvas.stroke({{0, -0.7}, {0, 0.94}}, 0.05, palette.detail);
}

void draw_shell(Canvas& canvas, const Palette& palette, core::Random& random) {
  const double growth = random.uniform(0.155, 0.2);
  const auto wall = [&](double turns) { return polar(std::exp(growth * kTurn * (turns - 1)), turns * kTurn); };
  Path outline;
  for (int step = 0; step <= 180; ++step) outline.push_back(wall(step / 180.0));
  canvas.fill(outline, {palette.main, palette.accent, whorl_bands(growth, draw_count(random, 9, 14))});
  Path spiral;
  for (int step = -360; step <= 180; ++step) spiral.push_back(wall(step / 180.0));
  const Point mouth = (wall(0) + wall(1)) / 2;
  const double mouth_radius = cv::norm(wall(1) - wall(0)) / 2;
  canvas.fill(ellipse(mouth, mouth_radius, 0.3 * mouth_radius), {palette.detail});
  canvas.stroke(spiral, 0.05, palette.detail);
}

}  // namespace margay::data::sample
