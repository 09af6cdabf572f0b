#pragma once

#include <array>
#include <cstdint>

#include "margay/data/transform/resize.h"

namespace margay::data {

/// The image that the kernel samples, uint8 [H,W,3], and how its outside is filled. After an image of one pixel a
/// fourth byte must be readable.
struct WarpSource {
  const std::uint8_t* pixels;
  int height;
  int width;
  PadMode pad_mode;
};

/// Output pixel i of a row reads ((x + i * dx) / w, (y + i * dy) / w) with w = 1 + i * dw, measured between pixel
/// centres: 0 is the centre of the first pixel.
struct WarpLine {
  double x;
  double y;
  double dx;
  double dy;
  double dw;
};

/// Lighting (transform/lighting.h) in the kernel's units.
struct WarpLighting {
  bool is_neutral = true;
  float offset = 0;      ///< log2 of the odds of the brightness
  float contrast = 1;    ///< above 0
  float saturation = 1;  ///< 0: grey
  float hue_sixths = 0;  ///< turns times six
};

/// Channel c becomes light(value) * scale[c] + shift[c], value 0 … 255.
struct WarpColours {
  std::array<float, 3> scale;
  std::array<float, 3> shift;
  WarpLighting lighting;
};

/// Samples one row bilinearly, lights and scales it. out: float [count,3]. Nothing outside the image is read,
/// whatever the line is; 1 + i * dw should be positive within the row.
void warp_row(const WarpSource& source, const WarpLine& line, const WarpColours& colours, int count, float* out);

}  // namespace margay::data
