#include "margay/data/sample/backdrop.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace margay::data::sample {
namespace {

constexpr int kShrink = 4;  // the backdrop is soft, so it is painted small
const Placing kBackdropPixels = Placing::eye();

/// A slope from `from` to `to` in a drawn direction.
cv::Mat backdrop_slope(cv::Size size, const Colour& from, const Colour& to, core::Random& random) {
  const Point along = polar(1, random.uniform(0, kTurn));
  const double reach = (size.width * std::abs(along.x) + size.height * std::abs(along.y)) / 2;
  cv::Mat image(size, CV_8UC3);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const Point from_centre{x - size.width / 2.0, y - size.height / 2.0};
      image.at<cv::Vec3b>(y, x) = mix(from, to, 0.5 + 0.5 * from_centre.dot(along) / reach);
    }
  }
  return image;
}

Texture draw_pattern(double scale, core::Random& random) {
  const double angle = random.uniform(0, kTurn);
  switch (random.below(3)) {
    case 0:
      return stripes(scale, angle);
    case 1:
      return dots(scale, 0.28 * scale);
    default:
      return checks(0.5 * scale, angle);
  }
}

/// Lets a pattern shine through, faint enough not to hide what is put on top.
void weave(cv::Mat& image, const Colour& thread, core::Random& random) {
  const Texture pattern = draw_pattern(random.uniform(0.06, 0.16) * image.cols, random);
  const double strength = random.uniform(0.06, 0.2);
  for (int y = 0; y < image.rows; ++y) {
    auto* row = image.ptr<cv::Vec3b>(y);
    for (int x = 0; x < image.cols; ++x) {
      row[x] = mix(Colour(row[x]), thread, strength * pattern(Point(x, y)));
    }
  }
  cv::GaussianBlur(image, image, {}, random.uniform(0.6, 2));
}

Path regular(int corners) {
  Path path;
  for (int i = 0; i < corners; ++i) path.push_back(polar(1, kTurn * i / corners));
  return path;
}

Path plus_sign() {
  constexpr double kArm = 0.3;
  return {{-kArm, -1}, {kArm, -1}, {kArm, -kArm}, {1, -kArm}, {1, kArm},   {kArm, kArm},
          {kArm, 1},   {-kArm, 1}, {-kArm, kArm}, {-1, kArm}, {-1, -kArm}, {-kArm, -kArm}};
}

/// One of the plain things, of radius 1.
Path draw_thing(core::Random& random) {
  switch (random.below(6)) {
    case 0:
      return circle({0, 0}, 0.8);
    case 1:
      return regular(3);
    case 2:
      return regular(4);
    case 3:
      return rectangle({0, 0}, 2, 0.5);
    case 4:
      return plus_sign();
    default:
      return ellipse({0, 0}, 1, 0.55);
  }
}

/// A line: an arc, a ring or a wave.
Path draw_line(core::Random& random) {
  if (random.chance(0.5)) return smooth_line({{-1, 0}, {-0.5, -0.35}, {0, 0}, {0.5, 0.35}, {1, 0}});
  const double sweep = random.chance(0.5) ? kTurn : random.uniform(0.3, 0.7) * kTurn;
  Path path;
  for (int step = 0; step <= 48; ++step) path.push_back(polar(0.8, sweep * step / 48));
  return path;
}

}  // namespace

cv::Mat draw_backdrop(cv::Size size, const Palette& palette, core::Random& random) {
  const cv::Size small((size.width + kShrink - 1) / kShrink, (size.height + kShrink - 1) / kShrink);
  const Colour from = mix(palette.ground, draw_relative(palette, random), random.uniform(0, 0.35));
  const Colour to = mix(palette.ground, draw_relative(palette, random), random.uniform(0, 0.35));
  cv::Mat image = backdrop_slope(small, from, to, random);
  Canvas blots(small, kBackdropPixels);
  scatter(blots, small, 4 + static_cast<int>(random.below(9)), 0.3, palette, random);
  lay_over(image, blots.finish());
  cv::GaussianBlur(image, image, {}, random.uniform(0.03, 0.09) * std::min(small.width, small.height));
  cv::resize(image, image, size, 0, 0, cv::INTER_CUBIC);
  if (random.chance(0.5)) weave(image, draw_relative(palette, random), random);
  return image;
}

void scatter(Canvas& canvas, cv::Size size, int count, double max_size, const Palette& palette, core::Random& random) {
  for (int i = 0; i < count; ++i) {
    const double radius = random.uniform(0.35, 1) * max_size * std::min(size.width, size.height) / 2;
    const double x = random.uniform(0, size.width);
    const double y = random.uniform(0, size.height);
    const double angle = random.uniform(0, kTurn);
    const auto placed = [&](const Path& path) { return moved(turned(scaled(path, radius), angle), {x, y}); };
    Paint paint{draw_relative(palette, random)};
    paint.ink = draw_relative(palette, random);
    if (random.chance(0.3)) paint.texture = draw_pattern(radius * random.uniform(0.4, 0.8), random);
    if (random.chance(0.3)) {
      canvas.stroke(placed(draw_line(random)), radius * random.uniform(0.2, 0.4), paint.base);
    } else {
      canvas.fill(placed(draw_thing(random)), paint);
    }
  }
}

}  // namespace margay::data::sample
