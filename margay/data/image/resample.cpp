#include "margay/data/image/resample.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "margay/data/image/resample_kernel.h"

namespace margay::data {
namespace {

/// One axis of a resize: [begin, end) of the source becomes `size` pixels. Weights are those of Pillow's
/// precompute_coeffs and normalize_coeffs_8bpc for the triangle filter, in whole numbers: share() is the filter's
/// value times 2 · max(length, size), so that weight = 2^22 · share / sum of shares is rounded as the exact number is.
struct Axis {
  int begin;
  int end;
  int size;

  std::int64_t length() const { return end - begin; }
  std::int64_t reach() const { return 2 * std::max<std::int64_t>(length(), size); }
  /// The output's centre, from `begin`, in 1 / (2 · size) of a source pixel.
  std::int64_t centre(int output) const { return (2 * std::int64_t{output} + 1) * length(); }
  std::int64_t share(int output, int source) const {
    const std::int64_t at = (2 * std::int64_t{source - begin} + 1) * size;
    return std::max<std::int64_t>(0, reach() - std::abs(at - centre(output)));
  }
  /// The first and the last source pixel with a share.
  int first(int output) const {
    const std::int64_t low = centre(output) - reach() - size;
    return low < 0 ? begin : begin + static_cast<int>(low / (2 * size) + 1);
  }
  int last(int output) const {
    const std::int64_t high = centre(output) + reach() - size - 1;
    return static_cast<int>(std::min(begin + high / (2 * size), std::int64_t{end} - 1));
  }
};

/// 2^22 · share / sum, rounded half up.
std::int32_t weight_of(std::int64_t share, std::int64_t sum) {
  return static_cast<std::int32_t>(((share << (Taps::kBits + 1)) + sum) / (2 * sum));
}

/// The windows of all outputs at one length, as the kernel wants them: shorter ones get zero weights, and at
/// the upper edge they move back so that the zeros do not look beyond the box.
Taps taps_of(const Axis& axis) {
  Taps taps;
  for (int i = 0; i < axis.size; ++i) taps.count = std::max(taps.count, axis.last(i) - axis.first(i) + 1);
  taps.stride = (static_cast<std::size_t>(axis.size) + Taps::kLanes - 1) / Taps::kLanes * Taps::kLanes;
  taps.first.assign(taps.stride, axis.begin);
  taps.weights.assign(static_cast<std::size_t>(taps.count) * taps.stride, 0);
  for (int i = 0; i < axis.size; ++i) {
    const int start = std::min(axis.first(i), axis.end - taps.count);
    std::int64_t sum = 0;
    for (int j = axis.first(i); j <= axis.last(i); ++j) sum += axis.share(i, j);
    for (int j = axis.first(i); j <= axis.last(i); ++j) {
      taps.weights[static_cast<std::size_t>(j - start) * taps.stride + static_cast<std::size_t>(i)] =
          weight_of(axis.share(i, j), sum);
    }
    taps.first[static_cast<std::size_t>(i)] = start;
  }
  return taps;
}

/// Rows resized horizontally, made in order and kept as long as the vertical windows need them.
class RowRing {
 public:
  RowRing(const core::Image& image, const Taps& taps, int first_row, int rows)
      : image_(image),
        taps_(taps),
        next_(first_row),
        rows_(rows),
        buffer_(row_bytes() * static_cast<std::size_t>(rows)) {}

  std::size_t row_bytes() const { return 3 * taps_.stride; }

  const std::uint8_t* row(int y) {
    for (; next_ <= y; ++next_) fill(next_);
    return slot(y);
  }

 private:
  std::uint8_t* slot(int y) { return buffer_.data() + static_cast<std::size_t>(y % rows_) * row_bytes(); }

  /// The kernel reads a byte beyond the row; behind the last row there is none, so that one is copied.
  void fill(int y) {
    if (y + 1 < image_.height) return resample_row(image_.row(y), taps_, slot(y));
    const std::uint8_t* last = image_.row(y);
    std::vector<std::uint8_t> padded(last, last + std::ptrdiff_t{3} * image_.width);
    padded.push_back(0);
    resample_row(padded.data(), taps_, slot(y));
  }

  const core::Image& image_;
  const Taps& taps_;
  int next_;
  int rows_;
  std::vector<std::uint8_t> buffer_;
};

void check_sides(const core::Image& image, const Box& box, int height, int width) {
  if (height <= 0 || width <= 0) {
    throw std::invalid_argument(fmt::format("[resample] the new size must be positive, got {}x{}", width, height));
  }
  const bool is_inside = box.left >= 0 && box.top >= 0 && box.right <= image.width && box.bottom <= image.height;
  if (is_inside && box.left < box.right && box.top < box.bottom) return;
  throw std::invalid_argument(fmt::format("[resample] the box ({}, {}, {}, {}) must lie within the {}x{} image",
                                          box.left, box.top, box.right, box.bottom, image.width, image.height));
}

}  // namespace

core::Image resample(const core::Image& image, const Box& box, int height, int width) {
  check_sides(image, box, height, width);
  const bool is_whole = box.left == 0 && box.top == 0 && box.right == image.width && box.bottom == image.height;
  if (is_whole && height == image.height && width == image.width) return image;
  const Taps columns = taps_of({box.left, box.right, width});
  const Taps rows = taps_of({box.top, box.bottom, height});
  RowRing ring(image, columns, rows.first.front(), rows.count);
  core::Image out(height, width);
  std::vector<std::uint8_t> line(ring.row_bytes());
  std::vector<const std::uint8_t*> sources(static_cast<std::size_t>(rows.count));
  std::vector<std::int32_t> weights(sources.size());
  for (int y = 0; y < height; ++y) {
    for (int t = 0; t < rows.count; ++t) {
      sources[static_cast<std::size_t>(t)] = ring.row(rows.first[static_cast<std::size_t>(y)] + t);
      weights[static_cast<std::size_t>(t)] = rows.weight(t, y);
    }
    blend_rows(sources, weights, ring.row_bytes(), line.data());
    std::memcpy(out.row(y), line.data(), std::size_t{3} * static_cast<std::size_t>(width));
  }
  return out;
}

core::Image resample(const core::Image& image, int height, int width) {
  return resample(image, {0, 0, image.width, image.height}, height, width);
}

}  // namespace margay::data
