#include <algorithm>
#include <climits>

#include <fmt/format.h>
#include <opencv2/imgcodecs.hpp>

#include "margay/core/error.h"
#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

/// RGB to BGR or back. OpenCV's own conversion would start its thread pool; the loader brings its own threads.
void swap_red_and_blue(const std::uint8_t* in, int pixels, std::uint8_t* out) {
  for (int x = 0; x < pixels; ++x, in += 3, out += 3) {
    out[0] = in[2];
    out[1] = in[1];
    out[2] = in[0];
  }
}

}  // namespace

Image decode_with_opencv(std::span<const std::uint8_t> bytes, ImageFormat format) {
  const std::string name = format_name(format);
  if (bytes.size() > INT_MAX) throw DecodeFailure(fmt::format("a {} file of more than 2 GiB", name));
  const cv::Mat file(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<std::uint8_t*>(bytes.data()));
  cv::Mat bgr;
  try {
    // TIFF comes out upright all the same: its orientation is the reader's duty, not an EXIF afterthought.
    bgr = cv::imdecode(file, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  } catch (const cv::Exception& error) {
    throw DecodeFailure(fmt::format("a {} that OpenCV cannot decode: {}", name, error.err));
  }
  if (bgr.empty()) throw DecodeFailure(fmt::format("a {} that OpenCV cannot decode: broken, or of a rare kind", name));
  Image image(bgr.rows, bgr.cols);
  for (int y = 0; y < image.height; ++y) swap_red_and_blue(bgr.ptr<std::uint8_t>(y), image.width, image.row(y));
  return image;
}

std::vector<std::uint8_t> encode_with_opencv(const Image& image, const std::string& extension,
                                             const std::vector<int>& options) {
  cv::Mat bgr(image.height, image.width, CV_8UC3);
  for (int y = 0; y < image.height; ++y) swap_red_and_blue(image.row(y), image.width, bgr.ptr<std::uint8_t>(y));
  std::vector<std::uint8_t> bytes;
  MARGAY_CHECK(cv::imencode(extension, bgr, bytes, options), "OpenCV lacks its " + extension + " encoder");
  return bytes;
}

}  // namespace margay::data
