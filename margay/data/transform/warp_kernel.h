#pragma once

#include <array>
#include <cstdint>

namespace margay::data {

/// The picture that the kernel samples: uint8 [H,W,3] of at least 4 bytes.
struct WarpSource {
  const std::uint8_t* pixels;
  int height;
  int width;
};

/// Output pixel i of a row looks at (x + i * dx, y + i * dy), measured between pixel centres: 0 is the
/// centre of the first pixel.
struct WarpLine {
  double x;
  double y;
  double dx;
  double dy;
};

/// Channel c becomes value * scale[c] + shift[c], value 0 … 255.
struct WarpColours {
  std::array<float, 3> scale;
  std::array<float, 3> shift;
};

/// Samples one row bilinearly, clamped to the border. out: float [count,3].
void warp_row(const WarpSource& source, const WarpLine& line, const WarpColours& colours, int count, float* out);

}  // namespace margay::data
