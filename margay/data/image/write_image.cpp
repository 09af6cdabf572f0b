#include "margay/data/image/write_image.h"

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <opencv2/core/utility.hpp>
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

namespace {

/// RGB to BGR. OpenCV's own conversion would start its thread pool; the loader brings its own threads.
void swap_red_and_blue(const std::uint8_t* in, int pixels, std::uint8_t* out) {
  for (int x = 0; x < pixels; ++x, in += 3, out += 3) {
    out[0] = in[2];
    out[1] = in[1];
    out[2] = in[0];
  }
}

}  // namespace

std::vector<std::uint8_t> encode_with_opencv(const core::Image& image, const std::string& extension,
                                             const std::vector<int>& options) {
  cv::Mat bgr(image.height, image.width, CV_8UC3);
  for (int y = 0; y < image.height; ++y) swap_red_and_blue(image.row(y), image.width, bgr.ptr<std::uint8_t>(y));
  std::vector<std::uint8_t> bytes;
  MARGAY_CHECK(cv::imencode(extension, bgr, bytes, options), "OpenCV lacks its " + extension + " encoder");
  return bytes;
}

void use_image_threads(int n) { cv::setNumThreads(n); }

}  // namespace margay::data
