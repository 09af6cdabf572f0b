#pragma once

#include <cstddef>
#include <cstdint>

namespace margay::data {

/// Lays colours with straight (not premultiplied) alpha over white: c * a + 255 * (1 - a), rounded.
/// rgba: uint8 [pixels,4]; out: uint8 [pixels,3].
inline void lay_over_white(const std::uint8_t* rgba, std::size_t pixels, std::uint8_t* out) {
  for (std::size_t i = 0; i < pixels; ++i, rgba += 4, out += 3) {
    const unsigned alpha = rgba[3];
    for (std::size_t c = 0; c < 3; ++c) {
      const unsigned sum = rgba[c] * alpha + 255 * (255 - alpha);
      out[c] = static_cast<std::uint8_t>((sum + 127) / 255);
    }
  }
}

/// The same for premultiplied colours: c + 255 - a.
inline void lay_premultiplied_over_white(const std::uint8_t* rgba, std::size_t pixels, std::uint8_t* out) {
  for (std::size_t i = 0; i < pixels; ++i, rgba += 4, out += 3) {
    for (std::size_t c = 0; c < 3; ++c) {
      const int sum = rgba[c] + 255 - rgba[3];
      out[c] = static_cast<std::uint8_t>(sum > 255 ? 255 : sum);
    }
  }
}

}  // namespace margay::data
