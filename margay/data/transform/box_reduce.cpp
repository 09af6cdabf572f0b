#include "margay/data/transform/box_reduce.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace margay::data {
namespace {

/// sums[i] is the sum over the rows [top, bottom) of byte i of the region's rows.
void add_box_rows(const core::Image& image, const Region& region, int top, int bottom,
                  std::vector<std::uint32_t>& sums) {
  std::fill(sums.begin(), sums.end(), 0U);
  for (int y = top; y < bottom; ++y) {
    const std::uint8_t* row = image.row(y) + std::ptrdiff_t{3} * region.left;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += row[i];
  }
}

/// Averages runs of `factor` pixels of the summed rows.
void average_columns(const std::vector<std::uint32_t>& sums, int factor, int rows, std::uint8_t* out) {
  const std::size_t step = 3 * static_cast<std::size_t>(factor);
  for (std::size_t begin = 0; begin < sums.size(); begin += step) {
    const std::size_t end = std::min(begin + step, sums.size());
    const std::uint64_t count = (end - begin) / 3 * static_cast<std::uint64_t>(rows);
    for (std::size_t c = 0; c < 3; ++c) {
      std::uint64_t sum = count / 2;
      for (std::size_t i = begin + c; i < end; i += 3) sum += sums[i];
      *out++ = static_cast<std::uint8_t>(sum / count);
    }
  }
}

}  // namespace

core::Image box_reduce(const core::Image& image, const Region& region, int factor_y, int factor_x) {
  const int rows = region.bottom - region.top;
  const int columns = region.right - region.left;
  core::Image out((rows + factor_y - 1) / factor_y, (columns + factor_x - 1) / factor_x);
  std::vector<std::uint32_t> sums(3 * static_cast<std::size_t>(columns));
  for (int y = 0; y < out.height; ++y) {
    const int top = region.top + y * factor_y;
    const int bottom = std::min(top + factor_y, region.bottom);
    add_box_rows(image, region, top, bottom, sums);
    average_columns(sums, factor_x, bottom - top, out.row(y));
  }
  return out;
}

}  // namespace margay::data
