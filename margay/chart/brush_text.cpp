#include <algorithm>
#include <cmath>

#include "margay/chart/brush.h"
#include "margay/chart/caption.h"

namespace margay::chart {
namespace {

/// Black text in the middle of a white strip that it fits into, and which columns have ink: first … end-1.
struct Strip {
  core::Image image;
  int first = 0;
  int end = 0;
};

constexpr int kStripHeight = 24;

bool has_ink(const core::Image& image, int x) {
  for (int y = 0; y < image.height; ++y) {
    if (image.row(y)[3 * x] < 255) return true;
  }
  return false;
}

Strip strip_of(const std::string& text) {
  const int width = std::max(1, static_cast<int>(std::ceil(text_width_px(text))));
  constexpr int kMargin = 4;
  Strip strip{.image = core::Image(kStripHeight, width + 2 * kMargin), .first = 0, .end = 0};
  std::fill(strip.image.pixels.begin(), strip.image.pixels.end(), std::uint8_t{255});
  draw_caption(strip.image, text, {.top = 0, .left = kMargin, .height = kStripHeight, .width = width});
  strip.end = strip.image.width;
  while (strip.first < strip.end && !has_ink(strip.image, strip.first)) ++strip.first;
  while (strip.end > strip.first && !has_ink(strip.image, strip.end - 1)) --strip.end;
  return strip;
}

void lay(const Strip& strip, int left, int top, const Rgb& colour, core::Image& image) {
  for (int y = std::max(0, -top); y < std::min(kStripHeight, image.height - top); ++y) {
    for (int x = std::max(strip.first, strip.first - left); x < strip.end && left + x - strip.first < image.width;
         ++x) {
      const double share = 1 - strip.image.row(y)[3 * x] / 255.0;
      blend(image.row(top + y) + 3 * (left + x - strip.first), colour, share);
    }
  }
}

}  // namespace

void paint_text(const DrawnText& text, const Rgb& colour, core::Image& image) {
  const Strip strip = strip_of(text.text);
  const double width = strip.end - strip.first;
  const double back = text.anchor == TextAnchor::kStart ? 0 : text.anchor == TextAnchor::kMiddle ? width / 2 : width;
  const int left = static_cast<int>(std::lround(text.at.x - back));
  const int top = static_cast<int>(std::lround(text.at.y)) - kStripHeight / 2;
  lay(strip, left, top, colour, image);
  if (text.weight == TextWeight::kBold) lay(strip, left + 1, top, colour, image);
}

}  // namespace margay::chart
