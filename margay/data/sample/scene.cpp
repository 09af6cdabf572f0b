#include "margay/data/sample/scene.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <opencv2/imgproc.hpp>

#include "margay/core/error.h"
#include "margay/data/sample/backdrop.h"
#include "margay/data/sample/light.h"

namespace margay::data::sample {
namespace {

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

void add_sample_object(cv::Mat& scene, const Kind& kind, const Palette& palette, const Light& light,
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
}

core::Image to_image(const cv::Mat& scene) {
  core::Image image(scene.rows, scene.cols);
  MARGAY_CHECK(scene.isContinuous() && image.pixels.size() == scene.total() * 3, "a scene is one block of RGB");
  std::memcpy(image.pixels.data(), scene.data, image.pixels.size());
  return image;
}

}  // namespace

core::Image draw_scene(const Kind& kind, core::Random random) {
  const cv::Size size = draw_size(random);
  const Palette palette = draw_palette(random);
  const Light light = draw_light(random);
  cv::Mat scene = draw_backdrop(size, palette, random);
  add_clutter(scene, static_cast<int>(random.below(6)), 0.2, palette, random);
  add_sample_object(scene, kind, palette, light, random);
  add_clutter(scene, static_cast<int>(random.below(4)), 0.08, palette, random);
  expose(scene, light, random);
  return to_image(scene);
}

}  // namespace margay::data::sample
