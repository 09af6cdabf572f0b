#include "margay/data/sample/canvas.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace margay::data::sample {
namespace {

constexpr int kEnlarge = 2;    // canvas pixels per image pixel
constexpr int kPointBits = 4;  // OpenCV takes corners in 1/16 pixel
constexpr int kPointUnits = 1 << kPointBits;

/// The smallest box of whole pixels around points in 1/16 pixel, within `limits`.
cv::Rect pixel_box(const std::vector<cv::Point>& points, int margin_px, cv::Size limits) {
  const cv::Rect fine = cv::boundingRect(points);
  const cv::Point low(fine.x / kPointUnits - margin_px - 1, fine.y / kPointUnits - margin_px - 1);
  const cv::Point high(fine.br().x / kPointUnits + margin_px + 2, fine.br().y / kPointUnits + margin_px + 2);
  return cv::Rect(low, high) & cv::Rect({0, 0}, limits);
}

void shift(std::vector<cv::Point>& points, cv::Point corner) {
  for (cv::Point& point : points) point -= corner * kPointUnits;
}

/// `paint` at a weight of 0-1 over what the pixel holds (Porter and Duff 1984, "over", premultiplied).
void blend_pixel(cv::Vec3b& colour, uchar& alpha, const Colour& paint, float weight) {
  colour = mix(Colour(colour), paint, weight);
  alpha = cv::saturate_cast<uchar>(static_cast<float>(alpha) * (1 - weight) + 255 * weight);
}

}  // namespace

Canvas::Canvas(cv::Size size, const Placing& placing)
    : size_(size),
      placing_(placing * static_cast<double>(kEnlarge)),
      back_(inverse(placing_)),
      colour_(size * kEnlarge, CV_8UC3, cv::Scalar::all(0)),
      alpha_(size * kEnlarge, CV_8UC1, cv::Scalar::all(0)) {}

void Canvas::fill(const Path& path, const Paint& paint) {
  std::vector<cv::Point> points = to_pixels(path);
  const cv::Rect box = pixel_box(points, 0, alpha_.size());
  if (box.empty()) return;
  cv::Mat mask(box.size(), CV_8UC1, cv::Scalar::all(0));
  shift(points, box.tl());
  cv::fillPoly(mask, points, cv::Scalar::all(255), cv::LINE_AA, kPointBits);
  blend(mask, box.tl(), paint);
}

void Canvas::stroke(const Path& line, double width, const Colour& colour) {
  const int width_px = std::max(1, static_cast<int>(std::lround(width * magnification(placing_))));
  std::vector<cv::Point> points = to_pixels(line);
  const cv::Rect box = pixel_box(points, width_px, alpha_.size());
  if (box.empty()) return;
  cv::Mat mask(box.size(), CV_8UC1, cv::Scalar::all(0));
  shift(points, box.tl());
  cv::polylines(mask, points, false, cv::Scalar::all(255), width_px, cv::LINE_AA, kPointBits);
  blend(mask, box.tl(), {colour});
}

void Canvas::erase(const Path& path) {
  const std::vector<cv::Point> points = to_pixels(path);
  cv::fillPoly(colour_, points, cv::Scalar::all(0), cv::LINE_AA, kPointBits);
  cv::fillPoly(alpha_, points, cv::Scalar::all(0), cv::LINE_AA, kPointBits);
}

Layer Canvas::finish() const {
  Layer layer;
  cv::resize(colour_, layer.colour, size_, 0, 0, cv::INTER_AREA);
  cv::resize(alpha_, layer.alpha, size_, 0, 0, cv::INTER_AREA);
  return layer;
}

std::vector<cv::Point> Canvas::to_pixels(const Path& path) const {
  std::vector<cv::Point> points;
  points.reserve(path.size());
  for (const Point& point : path) points.emplace_back(apply(placing_, point) * kPointUnits);
  return points;
}

void Canvas::blend(const cv::Mat& mask, cv::Point corner, const Paint& paint) {
  for (int y = 0; y < mask.rows; ++y) {
    const uchar* weights = mask.ptr<uchar>(y);
    auto* colours = colour_.ptr<cv::Vec3b>(corner.y + y) + corner.x;
    uchar* alphas = alpha_.ptr<uchar>(corner.y + y) + corner.x;
    for (int x = 0; x < mask.cols; ++x) {
      if (weights[x] == 0) continue;
      Colour colour = paint.base;
      if (paint.texture) {
        const Point place = apply(back_, {corner.x + x + 0.5, corner.y + y + 0.5});
        colour = mix(paint.base, paint.ink, paint.texture(place));
      }
      blend_pixel(colours[x], alphas[x], colour, static_cast<float>(weights[x]) / 255.0F);
    }
  }
}

void lay_over(cv::Mat& image, const Layer& layer) {
  for (int y = 0; y < image.rows; ++y) {
    auto* below = image.ptr<cv::Vec3b>(y);
    const auto* above = layer.colour.ptr<cv::Vec3b>(y);
    const uchar* alpha = layer.alpha.ptr<uchar>(y);
    for (int x = 0; x < image.cols; ++x) {
      if (alpha[x] == 0) continue;
      const float weight = static_cast<float>(255 - alpha[x]) / 255.0F;
      below[x] = Colour(below[x]) * weight + Colour(above[x]);
    }
  }
}

}  // namespace margay::data::sample
