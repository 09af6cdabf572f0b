#include "margay/chart/caption.h"

#include <algorithm>

#include <opencv2/imgproc.hpp>

namespace margay::chart {

void draw_caption(core::Image& image, const std::string& text, const CaptionBox& box) {
  constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
  constexpr double kScale = 0.5;
  int baseline = 0;
  const cv::Size natural = cv::getTextSize(text, kFont, kScale, 1, &baseline);
  const double scale = kScale * std::min(1.0, static_cast<double>(box.width) / std::max(1, natural.width));
  const cv::Size size = cv::getTextSize(text, kFont, scale, 1, &baseline);
  cv::Mat pixels(image.height, image.width, CV_8UC3, image.pixels.data());
  const cv::Point origin(box.left + (box.width - size.width) / 2, box.top + (box.height + size.height) / 2);
  cv::putText(pixels, text, origin, kFont, scale, cv::Scalar(0, 0, 0), 1, cv::LINE_AA);
}

}  // namespace margay::chart
