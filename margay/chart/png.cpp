#include "margay/chart/png.h"

#include <stdexcept>
#include <string>

#include <png.h>

#include "margay/core/error.h"

namespace margay::chart {

std::vector<std::uint8_t> encode_png(const core::Image& image) {
  if (image.height < 1 || image.width < 1) throw std::invalid_argument("[encode_png] the image has no pixels");
  png_image description{};
  description.version = PNG_IMAGE_VERSION;
  description.width = static_cast<png_uint_32>(image.width);
  description.height = static_cast<png_uint_32>(image.height);
  description.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(description);
  std::vector<std::uint8_t> file(size);
  const int is_written =
      png_image_write_to_memory(&description, file.data(), &size, 0, image.pixels.data(), 0, nullptr);
  MARGAY_CHECK(is_written != 0, std::string("libpng cannot encode: ") + description.message);
  file.resize(size);
  return file;
}

}  // namespace margay::chart
