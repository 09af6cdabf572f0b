#include "margay/data/sample/canvas.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <opencv2/imgproc.hpp>

namespace margay::data::sample {
namespace {

constexpr int kStepsBetweenKnots = 12;

/// The Catmull-Rom curve between b and c, t in 0 … 1.
Point catmull_rom(Point a, Point b, Point c, Point d, double t) {
  const Point linear = c - a;
  const Point square = 2 * a - 5 * b + 4 * c - d;
  const Point cube = 3 * (b - c) + d - a;
  return 0.5 * (2 * b + t * (linear + t * (square + t * cube)));
}

/// `spans` curves, the first from knot(1) to knot(2).
template <class Knot>
Path through(std::size_t spans, Knot knot) {
  Path path;
  path.reserve(spans * kStepsBetweenKnots + 1);
  for (std::size_t i = 0; i < spans; ++i) {
    for (int step = 0; step < kStepsBetweenKnots; ++step) {
      const double t = static_cast<double>(step) / kStepsBetweenKnots;
      path.push_back(catmull_rom(knot(i), knot(i + 1), knot(i + 2), knot(i + 3), t));
    }
  }
  return path;
}

}  // namespace

Point polar(double radius, double angle) { return {radius * std::cos(angle), radius * std::sin(angle)}; }

Path ellipse(Point centre, double radius_x, double radius_y) {
  Path path = polar_curve([](double) { return 1.0; }, 72);
  for (Point& point : path) point = {centre.x + radius_x * point.x, centre.y + radius_y * point.y};
  return path;
}

Path circle(Point centre, double radius) { return ellipse(centre, radius, radius); }

Path rectangle(Point centre, double width, double height) {
  const Point corner{width / 2, height / 2};
  const Point other{width / 2, -height / 2};
  return {centre - corner, centre + other, centre + corner, centre - other};
}

Path polar_curve(const std::function<double(double)>& radius, int steps) {
  Path path;
  path.reserve(static_cast<std::size_t>(steps));
  for (int step = 0; step < steps; ++step) {
    const double angle = kTurn * step / steps;
    path.push_back(polar(radius(angle), angle));
  }
  return path;
}

Path smooth(const Path& knots) {
  const std::size_t n = knots.size();
  return through(n, [&](std::size_t i) { return knots[i % n]; });
}

Path smooth_line(const Path& knots) {
  const std::size_t last = knots.size() - 1;
  Path path = through(last, [&](std::size_t i) { return knots[std::clamp<std::size_t>(i, 1, last + 1) - 1]; });
  path.push_back(knots.back());
  return path;
}

Path moved(Path path, Point by) {
  for (Point& point : path) point += by;
  return path;
}

Path turned(Path path, double angle) {
  const double c = std::cos(angle);
  const double s = std::sin(angle);
  for (Point& point : path) point = {c * point.x - s * point.y, s * point.x + c * point.y};
  return path;
}

Path mirrored(Path path) {
  for (Point& point : path) point.x = -point.x;
  return path;
}

Path scaled(Path path, double factor, Point centre) {
  for (Point& point : path) point = centre + factor * (point - centre);
  return path;
}

Point apply(const Placing& p, Point point) {  // written out: it runs for every patterned pixel
  return {p(0, 0) * point.x + p(0, 1) * point.y + p(0, 2), p(1, 0) * point.x + p(1, 1) * point.y + p(1, 2)};
}

Placing inverse(const Placing& p) {
  const double det = p(0, 0) * p(1, 1) - p(0, 1) * p(1, 0);
  const double a = p(1, 1) / det;
  const double b = -p(0, 1) / det;
  const double c = -p(1, 0) / det;
  const double d = p(0, 0) / det;
  return {a, b, -a * p(0, 2) - b * p(1, 2), c, d, -c * p(0, 2) - d * p(1, 2)};
}

double magnification(const Placing& p) { return std::sqrt(std::abs(p(0, 0) * p(1, 1) - p(0, 1) * p(1, 0))); }

namespace {

double fraction(double value) { return value - std::floor(value); }

/// 1 in the first half of each unit, else 0.
double square_wave(double value) { return fraction(value) < 0.5 ? 1 : 0; }

}  // namespace

Texture stripes(double period, double angle, double phase) {
  const Point across = polar(1 / period, angle);
  return [=](Point p) { return square_wave(p.dot(across) + phase); };
}

Texture ribs(double period, double bow, double phase) {
  return [=](Point p) { return square_wave((p.x + bow * p.y * p.y) / period + phase); };
}

Texture dots(double pitch, double radius) {
  return [=](Point p) {
    const double row = std::floor(p.y / pitch);
    const double shift = std::fmod(std::abs(row), 2) * 0.5;
    const Point in_cell{fraction(p.x / pitch + shift) - 0.5, fraction(p.y / pitch) - 0.5};
    return pitch * cv::norm(in_cell) < radius ? 1.0 : 0.0;
  };
}

Texture checks(double size, double angle) {
  const Texture columns = stripes(2 * size, angle);
  const Texture rows = stripes(2 * size, angle + kTurn / 4);
  return [=](Point p) { return columns(p) == rows(p) ? 1.0 : 0.0; };
}

Texture sectors(int count, double offset) {
  return [=](Point p) { return square_wave(count * (std::atan2(p.y, p.x) - offset) / kTurn); };
}

Texture spots(std::vector<Point> centres, double radius) {
  return [centres = std::move(centres), radius](Point p) {
    const auto covers = [&](Point centre) { return cv::norm(p - centre) < radius; };
    return std::any_of(centres.begin(), centres.end(), covers) ? 1.0 : 0.0;
  };
}

Texture meridians(double count, double phase) {
  return [=](Point p) {
    const double half_width = std::sqrt(std::max(1 - p.y * p.y, 0.04));
    const double longitude = std::asin(std::clamp(p.x / half_width, -1.0, 1.0));
    return square_wave(count * longitude / (kTurn / 2) + phase);
  };
}

Texture whorl_bands(double growth, double per_turn) {
  return [=](Point p) {
    const double angle = std::atan2(p.y, p.x);
    const double turns_out = std::log(std::max(cv::norm(p), 1e-3)) / (growth * kTurn) - angle / kTurn;
    const double within_whorl = fraction(turns_out);  // 0 at the inner wall, 1 at the outer one
    const double bow = 0.5 * within_whorl * (1 - within_whorl);
    return square_wave(per_turn * (angle / kTurn + bow));
  };
}

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
