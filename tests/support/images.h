#pragma once

#include <cstddef>
#include <cstdint>

#include "margay/core/image.h"
#include "margay/core/random.h"

namespace margay::testing_support {

/// Every byte drawn on its own: no interpolation mistake stays hidden.
inline core::Image noise_image(int height, int width, std::uint64_t seed = 1) {
  core::Image image(height, width);
  core::Random random{seed};
  for (std::uint8_t& byte : image.pixels) byte = static_cast<std::uint8_t>(random.below(256));
  return image;
}

/// Smooth in both directions, so that JPEG keeps it: red grows to the right, green downwards.
inline core::Image gradient_image(int height, int width) {
  core::Image image(height, width);
  for (int y = 0; y < height; ++y) {
    std::uint8_t* pixel = image.row(y);
    for (int x = 0; x < width; ++x, pixel += 3) {
      pixel[0] = static_cast<std::uint8_t>(255 * x / width);
      pixel[1] = static_cast<std::uint8_t>(255 * y / height);
      pixel[2] = 128;
    }
  }
  return image;
}

}  // namespace margay::testing_support
