#include "margay/data/sample/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace margay::data::sample {

std::span<const Kind> kinds() {
  static const std::array<Kind, 10> kAll{{
      {"balloon", draw_balloon, 0.4},
      {"butterfly", draw_butterfly, 0.8},
      {"cup", draw_cup, 0.4},
      {"fish", draw_fish, 0.6},
      {"flower", draw_flower, kTurn / 2},
      {"gear", draw_gear, kTurn / 2},
      {"ladybird", draw_ladybird, 0.8},
      {"leaf", draw_leaf, 0.9},
      {"shell", draw_shell, 0.8},
      {"star", draw_star, kTurn / 2},
  }};
  return kAll;
}

// Balloon, cup, gear and star.

namespace {

/// The wall of a cup at `t` from its rim (0) to its foot (1), as half a width.
double cup_half_width(double t, double taper) { return 0.68 - taper * t - 0.1 * std::pow(t, 8); }

/// The part of the cup's side from `top` to `bottom`, both as in cup_half_width; edges sag like ellipses seen from
/// above.
Path cup_band(double top, double bottom, double taper) {
  constexpr int kSteps = 24;
  const auto edge = [&](double t, double side) {
    const double angle = kTurn / 4 * (1 + side);
    return Point(cup_half_width(t, taper) * -std::cos(angle), -0.6 + 1.3 * t + 0.14 * std::sin(angle));
  };
  const auto wall = [&](double t, double side) { return Point(side * cup_half_width(t, taper), -0.6 + 1.3 * t); };
  Path path;
  for (int i = 0; i <= kSteps; ++i) path.push_back(edge(top, -1 + 2.0 * i / kSteps));
  for (int i = 0; i <= kSteps; ++i) path.push_back(wall(top + (bottom - top) * i / kSteps, 1));
  for (int i = 0; i <= kSteps; ++i) path.push_back(edge(bottom, 1 - 2.0 * i / kSteps));
  for (int i = 0; i <= kSteps; ++i) path.push_back(wall(bottom + (top - bottom) * i / kSteps, -1));
  return path;
}

/// A trapezoid wave between 0 and 1 with `count` teeth around.
double tooth(double angle, int count) { return std::clamp(0.5 + 1.4 * std::cos(count * angle), 0.0, 1.0); }

void erase_ring_of_holes(Canvas& canvas, int count, double at, double radius) {
  for (int i = 0; i < count; ++i) canvas.erase(circle(polar(at, kTurn * i / count), radius));
}

}  // namespace

void draw_balloon(Canvas& canvas, const Palette& palette, core::Random& random) {
  const double width = random.uniform(0.74, 0.84);
  const double gores = 3.5 + static_cast<double>(random.below(3));
  const double drop = random.uniform(1.0, 1.12);
  for (const double side : {-1.0, 1.0}) canvas.stroke({{0.2 * side, 0.5}, {0.15 * side, drop}}, 0.035, palette.detail);
  const Texture pattern = meridians(gores, random.chance(0.5) ? 0.25 : 0.75);
  const auto lifted = [=](Point p) { return pattern({p.x / width, std::min((p.y + 0.3) / 1.05, 0.93)}); };
  canvas.fill(smooth({{0, -1.08},
                      {0.6 * width, -0.88},
                      {width, -0.3},
                      {0.66 * width, 0.24},
                      {0.24, 0.66},
                      {-0.24, 0.66},
                      {-0.66 * width, 0.24},
                      {-width, -0.3},
                      {-0.6 * width, -0.88}}),
              {palette.main, palette.accent, lifted});
  canvas.fill(rectangle({0, 0.67}, 0.46, 0.08), {palette.detail});
  canvas.fill(rectangle({0, drop + 0.12}, 0.36, 0.26), {palette.accent, palette.detail, checks(0.06)});
}

void draw_cup(Canvas& canvas, const Palette& palette, core::Random& random) {
  const double taper = random.uniform(0.02, 0.2);
  const double size = random.uniform(0.12, 0.17);
  const double handle = random.uniform(0.26, 0.33);
  canvas.stroke(smooth_line({{0.55, -0.3}, {0.65 + handle, -0.36}, {0.75 + handle, 0.02}, {0.55, 0.38}}), 0.13,
                palette.main);
  canvas.fill(cup_band(0, 1, taper), {palette.main});
  canvas.fill(cup_band(0.2, 0.82, taper),
              {palette.main, palette.accent, checks(size, random.chance(0.5) ? kTurn / 8 : 0)});
  canvas.fill(ellipse({0, -0.6}, 0.68, 0.15), {palette.main});
  canvas.fill(ellipse({0, -0.59}, 0.6, 0.11), {palette.detail});
}

void draw_gear(Canvas& canvas, const Palette& palette, core::Random& random) {
  const int teeth = 8 + static_cast<int>(random.below(6));
  const double depth = random.uniform(0.17, 0.23);
  const int holes = 4 + static_cast<int>(random.below(3));
  canvas.fill(polar_curve([&](double angle) { return 1 - depth + depth * tooth(angle, teeth); }, 720), {palette.main});
  canvas.fill(circle({0, 0}, 0.7), {palette.accent});
  canvas.fill(circle({0, 0}, 0.62), {palette.main});
  canvas.fill(circle({0, 0}, 0.3), {palette.detail});
  erase_ring_of_holes(canvas, holes, 0.45, random.uniform(0.085, 0.11));
  erase_ring_of_holes(canvas, 1, 0, random.uniform(0.14, 0.18));
}

void draw_star(Canvas& canvas, const Palette& palette, core::Random& random) {
  const int points = 5 + static_cast<int>(random.below(2));
  const double inner = random.uniform(0.42, 0.52);
  Path outline;
  for (int i = 0; i < 2 * points; ++i)
    outline.push_back(polar(i % 2 == 0 ? 1.1 : inner * 1.1, kTurn * i / (2 * points)));
  canvas.fill(outline, {palette.main, palette.accent, sectors(points)});
  outline.push_back(outline.front());
  canvas.stroke(outline, 0.06, palette.detail);
}

// Flower and leaf.

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

namespace {

double shorter_side(const cv::Mat& image) { return std::min(image.rows, image.cols); }

/// About normal with deviation 1: the sum of four uniform numbers (Irwin-Hall), from one draw.
double about_normal(core::Random& random) {
  std::uint64_t bits = random.next();
  double sum = 0;
  for (int i = 0; i < 4; ++i, bits >>= 16U) sum += static_cast<double>(bits & 0xFFFFU) / 65536.0;
  return (sum - 2) * std::sqrt(3.0);
}

}  // namespace

Light draw_light(core::Random& random) {
  Light light;
  light.from = polar(1, random.uniform(0, kTurn));
  light.relief = random.uniform(0.3, 0.8);
  light.shadow = random.uniform(0.15, 0.5);
  light.fall_off = random.uniform(0, 0.35);
  const double gain = random.uniform(0.85, 1.12);
  const double warmth = random.uniform(-0.06, 0.06);
  light.tint = Colour(static_cast<float>(gain + warmth), static_cast<float>(gain), static_cast<float>(gain - warmth));
  light.grain = random.uniform(1, 5);
  return light;
}

void model_relief(Layer& layer, const Light& light) {
  const double sigma = 0.018 * shorter_side(layer.alpha);
  cv::Mat height;
  layer.alpha.convertTo(height, CV_32F, 1 / 255.0);
  cv::GaussianBlur(height, height, {}, sigma);
  cv::Mat along_x;
  cv::Mat along_y;
  cv::Sobel(height, along_x, CV_32F, 1, 0, 3, sigma / 4);  // height rises by about 1 over `sigma`
  cv::Sobel(height, along_y, CV_32F, 0, 1, 3, sigma / 4);
  const auto strength = static_cast<float>(light.relief);
  for (int y = 0; y < height.rows; ++y) {
    auto* row = layer.colour.ptr<cv::Vec3b>(y);
    const uchar* alpha = layer.alpha.ptr<uchar>(y);
    for (int x = 0; x < height.cols; ++x) {
      if (alpha[x] == 0) continue;
      const Point rise{along_x.at<float>(y, x), along_y.at<float>(y, x)};
      const auto facing = static_cast<float>(-rise.dot(light.from));
      const Colour lit = Colour::all(facing > 0 ? static_cast<float>(alpha[x]) : 0);
      row[x] = mix(Colour(row[x]), lit, std::min(strength * std::abs(facing), 1.0F));
    }
  }
}

void cast_shadow(cv::Mat& image, const cv::Mat& alpha, const Light& light) {
  const double distance = 0.035 * shorter_side(image);
  const Placing away{1, 0, -distance * light.from.x, 0, 1, -distance * light.from.y};
  cv::Mat shade;
  cv::warpAffine(alpha, shade, away, alpha.size());
  cv::GaussianBlur(shade, shade, {}, distance * 0.7);
  for (int y = 0; y < image.rows; ++y) {
    auto* row = image.ptr<cv::Vec3b>(y);
    for (int x = 0; x < image.cols; ++x) {
      const uchar depth = shade.at<uchar>(y, x);
      if (depth > 0) row[x] = Colour(row[x]) * static_cast<float>(1 - light.shadow * depth / 255.0);
    }
  }
}

void expose(cv::Mat& image, const Light& light, core::Random& random) {
  const double reach = image.cols * std::abs(light.from.x) + image.rows * std::abs(light.from.y);
  for (int y = 0; y < image.rows; ++y) {
    auto* row = image.ptr<cv::Vec3b>(y);
    for (int x = 0; x < image.cols; ++x) {
      const Point from_centre{x - image.cols / 2.0, y - image.rows / 2.0};
      const double gain = 1 + light.fall_off * from_centre.dot(light.from) / reach;
      const Colour lit = Colour(row[x]).mul(light.tint) * static_cast<float>(gain);
      row[x] = lit + Colour::all(static_cast<float>(light.grain * about_normal(random)));
    }
  }
}

}  // namespace margay::data::sample
