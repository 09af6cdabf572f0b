#include <opencv2/imgcodecs.hpp>

#include "margay/core/error.h"
#include "margay/data/image/codec.h"

namespace margay::data {
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

}  // namespace margay::data
