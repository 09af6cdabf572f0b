#include "margay/core/image.h"

#include <stdexcept>

#include <fmt/format.h>

namespace margay::core {

Image::Image(int height_px, int width_px) : height(height_px), width(width_px) {
  if (height < 0 || width < 0) {
    throw std::invalid_argument(fmt::format("[Image] sides must not be negative, got {}x{}", width, height));
  }
  pixels.resize(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3);
}

}  // namespace margay::core
