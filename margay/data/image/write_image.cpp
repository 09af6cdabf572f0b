#include "margay/data/image/write_image.h"

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <opencv2/imgcodecs.hpp>  // only the names of its options

#include "margay/core/error.h"
#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

/// Encodes in memory first: cv::imwrite would choose the format by the name and tell little of a full disk.
void write(const std::filesystem::path& path, const core::Image& image, const char* extension,
           const std::vector<int>& options) {
  if (image.height <= 0 || image.width <= 0) throw std::invalid_argument("[write_image] the image has no pixels");
  const std::vector<std::uint8_t> bytes = encode_with_opencv(image, extension, options);
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw core::IoError(path, "cannot be written", errno);
}

}  // namespace

void write_png(const std::filesystem::path& path, const core::Image& image) {
  write(path, image, ".png", {cv::IMWRITE_PNG_COMPRESSION, 6});
}

void write_jpeg(const std::filesystem::path& path, const core::Image& image, int quality) {
  if (quality < 1 || quality > 100) {
    throw std::invalid_argument(fmt::format("[write_jpeg] quality must lie in 1 … 100, got {}", quality));
  }
  write(path, image, ".jpg", {cv::IMWRITE_JPEG_QUALITY, quality});
}

}  // namespace margay::data
