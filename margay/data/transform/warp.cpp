#include "margay/data/transform/warp.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "margay/data/transform/box_reduce.h"
#include "margay/data/transform/shrink.h"
#include "margay/data/transform/warp_kernel.h"

namespace margay::data {
namespace {

void check_warp(const core::Image& image, const Matrix& matrix, int height, int width) {
  if (image.height <= 0 || image.width <= 0) throw std::invalid_argument("[warp] the image has no pixels");
  if (image.pixels.size() > INT32_MAX) throw std::invalid_argument("[warp] the image has more than 2^31 bytes");
  for (const auto& row : matrix.m) {
    for (const double each : row) {
      if (!std::isfinite(each)) throw std::invalid_argument("[warp] the matrix holds a number that is not finite");
    }
  }
  if (height <= 0 || width <= 0) {
    throw std::invalid_argument(fmt::format("[warp] the output size must be positive, got {}x{}", width, height));
  }
  if (!matrix.is_affine() && !(least_depth(matrix, height, width) > 1e-6)) {
    throw std::invalid_argument("[warp] the horizon of the projective matrix lies within the output");
  }
}

/// Samples each output row. image: at least 4 bytes; out: float [height,width,3].
void warp_rows(const core::Image& image, const Matrix& matrix, PadMode pad_mode, const WarpColours& colours, int height,
               int width, float* out) {
  const WarpSource source = {image.pixels.data(), image.height, image.width, pad_mode};
  const Matrix between_centres = translate(-0.5, -0.5) * matrix;
  const auto& m = between_centres.m;
  for (int y = 0; y < height; ++y) {
    const auto start = [&](std::size_t row) { return m[row][0] * 0.5 + m[row][1] * (y + 0.5) + m[row][2]; };
    const double depth = start(2);
    const WarpLine line = {start(0) / depth, start(1) / depth, m[0][0] / depth, m[1][0] / depth, m[2][0] / depth};
    warp_row(source, line, colours, width, out + std::ptrdiff_t{3} * y * width);
  }
}

/// Shrinks first where needed, then samples.
void warp_floats(const core::Image& image, const Matrix& matrix, PadMode pad_mode, const WarpColours& colours,
                 int height, int width, float* out) {
  check_warp(image, matrix, height, width);
  const Shrink shrink = shrink_of(matrix, height, width);
  if (shrink == Shrink{} && image.pixels.size() >= 4) {
    return warp_rows(image, matrix, pad_mode, colours, height, width, out);
  }
  const Region region = region_seen(matrix, height, width, image.height, image.width, shrink, pad_mode);
  core::Image small = box_reduce(image, region, shrink.y, shrink.x);
  const Matrix to_small = scale(1.0 / shrink.x, 1.0 / shrink.y) * translate(-region.left, -region.top) * matrix;
  if (small.pixels.size() < 4) small.pixels.push_back(0);  // the kernel reads four bytes at once, one pixel has three
  warp_rows(small, to_small, pad_mode, colours, height, width, out);
}

WarpLighting kernel_lighting(const Lighting& lighting) {
  if (lighting.is_neutral()) return {};
  return {false, static_cast<float>(std::log2(lighting.brightness / (1 - lighting.brightness))),
          static_cast<float>(lighting.contrast), static_cast<float>(lighting.saturation),
          static_cast<float>(6 * lighting.hue)};
}

}  // namespace

void warp_normalised(const core::Image& image, const Matrix& matrix, const Normalization& normalization, int height,
                     int width, float* out, PadMode pad_mode, const Lighting& lighting) {
  WarpColours colours{{}, {}, kernel_lighting(lighting)};
  for (std::size_t c = 0; c < 3; ++c) {
    colours.scale[c] = static_cast<float>(1.0 / (255.0 * normalization.std[c]));
    colours.shift[c] = static_cast<float>(-normalization.mean[c] / normalization.std[c]);
  }
  warp_floats(image, matrix, pad_mode, colours, height, width, out);
}

core::Image warp(const core::Image& image, const Matrix& matrix, int height, int width, PadMode pad_mode,
                 const Lighting& lighting) {
  const WarpColours colours = {{1, 1, 1}, {0, 0, 0}, kernel_lighting(lighting)};
  std::vector<float> values(3 * static_cast<std::size_t>(std::max(height, 0)) *
                            static_cast<std::size_t>(std::max(width, 0)));
  warp_floats(image, matrix, pad_mode, colours, height, width, values.data());
  core::Image out(height, width);
  std::transform(values.begin(), values.end(), out.pixels.begin(),
                 [](float value) { return static_cast<std::uint8_t>(value + 0.5F); });
  return out;
}

}  // namespace margay::data
