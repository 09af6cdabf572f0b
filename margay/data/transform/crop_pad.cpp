#include "margay/data/transform/crop_pad.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <vector>

namespace margay::data {
namespace {

/// The pixel of an axis that stands at a place beyond it; -1 for none.
int source_of(int at, int size, PadMode pad_mode) {
  if (at >= 0 && at < size) return at;
  if (pad_mode == PadMode::kZeros) return -1;
  if (pad_mode == PadMode::kBorder || size == 1) return std::clamp(at, 0, size - 1);
  const int period = 2 * (size - 1);
  const int rest = (at % period + period) % period;
  return std::min(rest, period - rest);
}

}  // namespace

core::Image crop_pad(const core::Image& image, const Crop& crop, PadMode pad_mode) {
  if (image.height <= 0 || image.width <= 0) throw std::invalid_argument("[crop_pad] the image has no pixels");
  if (crop.height <= 0 || crop.width <= 0) throw std::invalid_argument("[crop_pad] the rectangle is empty");
  core::Image out(crop.height, crop.width);
  const int first = std::clamp(-crop.left, 0, crop.width);  // columns within the image are copied as one run
  const int last = std::clamp(image.width - crop.left, first, crop.width);
  for (int y = 0; y < crop.height; ++y) {
    const int from = source_of(crop.top + y, image.height, pad_mode);
    if (from < 0) continue;
    const std::uint8_t* row = image.row(from);
    std::uint8_t* to = out.row(y);
    const auto fill = [&](int begin, int end) {
      for (int x = begin; x < end; ++x) {
        const int column = source_of(crop.left + x, image.width, pad_mode);
        if (column >= 0) std::copy_n(row + std::ptrdiff_t{3} * column, 3, to + std::ptrdiff_t{3} * x);
      }
    };
    fill(0, first);
    if (first < last) {
      std::copy_n(row + std::ptrdiff_t{3} * (crop.left + first), std::ptrdiff_t{3} * (last - first),
                  to + std::ptrdiff_t{3} * first);
    }
    fill(last, crop.width);
  }
  return out;
}

}  // namespace margay::data
