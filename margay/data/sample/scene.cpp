#include "margay/data/sample/scene.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <opencv2/imgproc.hpp>

#include "margay/core/error.h"
#include "margay/data/sample/canvas.h"
#include "margay/data/sample/shapes.h"

namespace margay::data::sample {
namespace {

/// Scatters `count` simple shapes (discs, bars, rings, …), some of them patterned, over the canvas. Their sizes are
/// fractions of the image's shorter side. The canvas must be placed in pixels.
void scatter(Canvas& canvas, cv::Size size, int count, double max_size, const Palette& palette, core::Random& random);

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

/// The blurred background of a scene, uint8 [H,W,3]: a colour gradient, soft blots and, in half of the images, a faint
/// weave.
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

constexpr std::array<double, 7> kAspects{1.0, 4.0 / 3, 3.0 / 2, 8.0 / 5, 1.0, 3.0 / 4, 2.0 / 3};
constexpr double kMinSide = 160;
constexpr double kMaxSide = 400;
const Placing kInPixels = Placing::eye();

cv::Size draw_size(core::Random& random) {
  const double aspect = kAspects[random.below(kAspects.size())];
  const double elongation = std::max(aspect, 1 / aspect);
  const double shorter = random.uniform(kMinSide, kMaxSide / elongation);
  const double width = aspect >= 1 ? shorter * aspect : shorter;
  return {static_cast<int>(width), static_cast<int>(width / aspect)};
}

/// A turn of at most `max_tilt`, perhaps mirrored, and a slight stretch as from an oblique view.
Placing draw_pose(double max_tilt, core::Random& random) {
  const double angle = random.uniform(-max_tilt, max_tilt);
  const double flip = random.chance(0.5) ? -1 : 1;
  const double stretch = random.uniform(0.88, 1.14);
  const double shear = random.uniform(-0.12, 0.12);
  const double c = std::cos(angle);
  const double s = std::sin(angle);
  return {flip * (c * stretch), flip * (c * shear - s), 0, s * stretch, s * shear + c, 0};
}

/// What a drawing covers, in its own units.
struct Extent {
  double area;
  cv::Rect2d box;
};

/// Draws on a small sheet and counts. The generator is a copy: the real drawing will look the same.
Extent measure(const Kind& kind, const Placing& pose, core::Random random) {
  constexpr double kPixelsPerUnit = 24;
  constexpr int kSide = 96;  // room for -2 … 2
  Placing onto_sheet = pose * kPixelsPerUnit;
  onto_sheet(0, 2) = onto_sheet(1, 2) = kSide / 2.0;
  Canvas sheet({kSide, kSide}, onto_sheet);
  kind.draw(sheet, Palette{}, random);
  const cv::Mat alpha = sheet.finish().alpha;
  const cv::Rect box = cv::boundingRect(alpha);
  return {cv::sum(alpha)[0] / (255 * kPixelsPerUnit * kPixelsPerUnit),
          {(box.x - kSide / 2.0) / kPixelsPerUnit, (box.y - kSide / 2.0) / kPixelsPerUnit, box.width / kPixelsPerUnit,
           box.height / kPixelsPerUnit}};
}

/// Where a span of `low` … `low + length` may start so that it lies within 0 … `room`; centred if it
/// does not fit.
double draw_shift(double low, double length, double room, core::Random& random) {
  const double slack = room - length;
  const double start = random.uniform() * slack;
  return (slack > 0 ? start : slack / 2) - low;
}

/// Scales the pose until the object covers its share of the middle square, and drops it somewhere in it: what lies
/// outside is cropped for validation.
Placing place(const Extent& extent, const Placing& pose, cv::Size size, core::Random& random) {
  const double side = std::min(size.width, size.height);
  const double scale = side * std::sqrt(random.uniform(0.2, 0.34) / extent.area);
  Placing placing = pose * scale;
  placing(0, 2) = (size.width - side) / 2 + draw_shift(extent.box.x * scale, extent.box.width * scale, side, random);
  placing(1, 2) = (size.height - side) / 2 + draw_shift(extent.box.y * scale, extent.box.height * scale, side, random);
  return placing;
}

void add_clutter(cv::Mat& scene, int count, double max_size, const Palette& palette, core::Random& random) {
  Canvas canvas(scene.size(), kInPixels);
  scatter(canvas, scene.size(), count, max_size, palette, random);
  lay_over(scene, canvas.finish());
}

/// Returns what it covers, uint8 [H,W].
cv::Mat add_sample_object(cv::Mat& scene, const Kind& kind, const Palette& palette, const Light& light,
                          core::Random& random) {
  const Placing pose = draw_pose(kind.max_tilt, random);
  const core::Random pencil({random.next()});
  const Extent extent = measure(kind, pose, pencil);
  Canvas canvas(scene.size(), place(extent, pose, scene.size(), random));
  core::Random same_pencil = pencil;
  kind.draw(canvas, palette, same_pencil);
  Layer layer = canvas.finish();
  model_relief(layer, light);
  cast_shadow(scene, layer.alpha, light);
  lay_over(scene, layer);
  return layer.alpha;
}

core::Image to_image(const cv::Mat& scene) {
  core::Image image(scene.rows, scene.cols);
  MARGAY_CHECK(scene.isContinuous() && image.pixels.size() == scene.total() * 3, "a scene is one block of RGB");
  std::memcpy(image.pixels.data(), scene.data, image.pixels.size());
  return image;
}

}  // namespace

Scene draw_scene(const Kind& kind, core::Random random) {
  const cv::Size size = draw_size(random);
  const Palette palette = draw_palette(random);
  const Light light = draw_light(random);
  cv::Mat scene = draw_backdrop(size, palette, random);
  add_clutter(scene, static_cast<int>(random.below(6)), 0.2, palette, random);
  const cv::Mat covered = add_sample_object(scene, kind, palette, light, random);
  add_clutter(scene, static_cast<int>(random.below(4)), 0.08, palette, random);
  expose(scene, light, random);
  cv::Mat mask;
  cv::cvtColor(covered >= 128, mask, cv::COLOR_GRAY2RGB);
  return {to_image(scene), to_image(mask)};
}

}  // namespace margay::data::sample
