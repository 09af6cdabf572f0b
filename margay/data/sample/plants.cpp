// Flower and leaf.

#include <cmath>

#include "margay/data/sample/shapes.h"

namespace margay::data::sample {
namespace {

/// A petal that points along x, from the origin to 1.
Path petal(double width) {
  return smooth(
      {{0.05, 0}, {0.5, -0.75 * width}, {0.85, -0.8 * width}, {1, 0}, {0.85, 0.8 * width}, {0.5, 0.75 * width}});
}

/// Half the width of a leaf that points up, at `t` from its base (0) to its tip (1).
double leaf_half_width(double t, double width, double teeth) {
  const double tooth = 0.035 * std::abs(std::sin(teeth * t * kTurn / 2));
  return width * std::pow(std::sin(kTurn / 2 * std::pow(t, 0.8)), 0.9) + tooth * (1 - t);
}

Path leaf_outline(double width, double teeth) {
  constexpr int kSteps = 120;
  Path path;
  for (int step = 0; step <= 2 * kSteps; ++step) {
    const double t = 1 - std::abs(1 - static_cast<double>(step) / kSteps);
    const double side = step <= kSteps ? 1 : -1;
    path.push_back({side * leaf_half_width(t, width, teeth), 0.95 - 1.9 * t});
  }
  return path;
}

void draw_veins(Canvas& canvas, double width, int pairs, const Colour& colour) {
  for (int pair = 1; pair <= pairs; ++pair) {
    const double t = 0.06 + 0.68 * (pair - 0.5) / pairs;
    const double reach_t = t + 0.17;
    const double x = 0.86 * leaf_half_width(reach_t, width, 0);
    const Point root{0, 0.95 - 1.9 * t};
    const Point end{x, 0.95 - 1.9 * reach_t};
    const Path vein = smooth_line({root, 0.5 * (root + end) + Point(0.02, 0.04), end});
    canvas.stroke(vein, 0.035, colour);
    canvas.stroke(mirrored(vein), 0.035, colour);
  }
}

}  // namespace

void draw_flower(Canvas& canvas, const Palette& palette, core::Random& random) {
  const int petals = 5 + static_cast<int>(random.below(5));
  const double width = random.uniform(1.9, 2.3) / petals;
  const double heart = random.uniform(0.27, 0.36);
  for (int i = 0; i < petals; ++i) {
    const double angle = kTurn * i / petals;
    canvas.fill(turned(petal(width), angle), {palette.main});
    canvas.fill(turned(scaled(petal(0.45 * width), 0.72), angle), {palette.accent});
    canvas.stroke({polar(0.2, angle), polar(0.66, angle)}, 0.035, palette.main);
  }
  canvas.fill(circle({0, 0}, heart), {palette.detail, palette.main, dots(0.15, 0.045)});
}

void draw_leaf(Canvas& canvas, const Palette& palette, core::Random& random) {
  const double width = random.uniform(0.46, 0.64);
  const double teeth = random.chance(0.5) ? 14 : 0;
  const double bend = random.uniform(-0.2, 0.2);
  const int pairs = 4 + static_cast<int>(random.below(4));
  const auto one_side = [](Point p) { return p.x > 0 ? 1.0 : 0.0; };
  canvas.stroke(smooth_line({{0, 0.8}, {bend / 2, 1.08}, {bend, 1.22}}), 0.07, palette.detail);
  canvas.fill(leaf_outline(width, teeth), {palette.main, mix(palette.main, palette.accent, 0.75), one_side});
  draw_veins(canvas, width, pairs, palette.detail);
  canvas.stroke({{0, 0.95}, {0, -0.8}}, 0.05, palette.detail);
}

}  // namespace margay::data::sample
