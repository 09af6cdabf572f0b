#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

#include <png.h>

#include "margay/core/image.h"

namespace margay::testing_support {

/// The pixels of a PNG file, read by libpng's simplified API.
inline core::Image png_pixels(const std::vector<std::uint8_t>& file) {
  png_image description{};
  description.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&description, file.data(), file.size()) == 0) {
    throw std::runtime_error(description.message);
  }
  description.format = PNG_FORMAT_RGB;
  core::Image image(static_cast<int>(description.height), static_cast<int>(description.width));
  if (png_image_finish_read(&description, nullptr, image.pixels.data(), 0, nullptr) == 0) {
    throw std::runtime_error(description.message);
  }
  return image;
}

}  // namespace margay::testing_support
