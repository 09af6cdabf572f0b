#include "margay/chart/brush.h"

#include <algorithm>
#include <cmath>

namespace margay::chart {
namespace {

double distance(const PlotPoint& p, const PlotPoint& from, const PlotPoint& to) {
  const double dx = to.x - from.x;
  const double dy = to.y - from.y;
  const double square = dx * dx + dy * dy;
  const double along = square > 0 ? std::clamp(((p.x - from.x) * dx + (p.y - from.y) * dy) / square, 0.0, 1.0) : 0;
  return std::hypot(p.x - from.x - along * dx, p.y - from.y - along * dy);
}

/// How much of each pixel is covered, 0 … 1. All pieces of a line are laid into it before any is painted, so that where
/// they meet nothing is painted twice.
class Coverage {
 public:
  Coverage(const PlotRun& points, double reach, const core::Image& image) {
    double right = 0;
    double bottom = 0;
    PlotPoint low = points.front();
    for (const PlotPoint& point : points) {
      low = {std::min(low.x, point.x), std::min(low.y, point.y)};
      right = std::max(right, point.x);
      bottom = std::max(bottom, point.y);
    }
    left_ = std::clamp(static_cast<int>(std::floor(low.x - reach)), 0, image.width);
    top_ = std::clamp(static_cast<int>(std::floor(low.y - reach)), 0, image.height);
    width_ = std::clamp(static_cast<int>(std::ceil(right + reach)), left_, image.width) - left_;
    height_ = std::clamp(static_cast<int>(std::ceil(bottom + reach)), top_, image.height) - top_;
    shares_.resize(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_));
  }

  void add(const PlotPoint& from, const PlotPoint& to, double radius) {
    const double reach = radius + 1;
    const int first_x = std::max(left_, static_cast<int>(std::min(from.x, to.x) - reach));
    const int first_y = std::max(top_, static_cast<int>(std::min(from.y, to.y) - reach));
    const int last_x = std::min(left_ + width_ - 1, static_cast<int>(std::max(from.x, to.x) + reach));
    const int last_y = std::min(top_ + height_ - 1, static_cast<int>(std::max(from.y, to.y) + reach));
    for (int y = first_y; y <= last_y; ++y) {
      for (int x = first_x; x <= last_x; ++x) {
        const double share = std::clamp(radius + 0.5 - distance({x + 0.5, y + 0.5}, from, to), 0.0, 1.0);
        at(x, y) = std::max(at(x, y), static_cast<float>(share));
      }
    }
  }

  void paint(const Rgb& colour, core::Image& image) {
    for (int y = top_; y < top_ + height_; ++y) {
      for (int x = left_; x < left_ + width_; ++x) blend(image.row(y) + 3 * x, colour, at(x, y));
    }
  }

 private:
  float& at(int x, int y) { return shares_[static_cast<std::size_t>((y - top_) * width_ + x - left_)]; }

  int left_ = 0;
  int top_ = 0;
  int width_ = 0;
  int height_ = 0;
  std::vector<float> shares_;
};

/// The pieces of a line that its dashes leave.
std::vector<PlotRun> dashed(const PlotRun& points, const std::vector<double>& dashes) {
  if (dashes.empty() || points.size() < 2) return {points};
  std::vector<PlotRun> pieces = {{points.front()}};
  std::size_t dash = 0;
  double left = dashes[0];
  for (std::size_t i = 1; i < points.size(); ++i) {
    PlotPoint from = points[i - 1];
    double length = std::hypot(points[i].x - from.x, points[i].y - from.y);
    while (length > left) {
      from = {from.x + (points[i].x - from.x) * left / length, from.y + (points[i].y - from.y) * left / length};
      if (dash % 2 == 0) pieces.back().push_back(from);
      length -= left;
      left = dashes[++dash % dashes.size()];
      if (dash % 2 == 0) pieces.push_back({from});
    }
    left -= length;
    if (dash % 2 == 0) pieces.back().push_back(points[i]);
  }
  return pieces;
}

}  // namespace

void blend(std::uint8_t* pixel, const Rgb& colour, double share) {
  const auto mixed = [&](std::uint8_t below, std::uint8_t above) {
    return static_cast<std::uint8_t>(std::lround(below + share * (above - below)));
  };
  pixel[0] = mixed(pixel[0], colour.red);
  pixel[1] = mixed(pixel[1], colour.green);
  pixel[2] = mixed(pixel[2], colour.blue);
}

void paint_line(const PlotRun& points, double width_px, const Rgb& colour, const std::vector<double>& dashes,
                core::Image& image) {
  if (points.size() == 1) return paint_disc(points[0], width_px, colour, image);
  Coverage coverage(points, width_px, image);
  for (const PlotRun& piece : dashed(points, dashes)) {
    for (std::size_t i = 1; i < piece.size(); ++i) coverage.add(piece[i - 1], piece[i], width_px / 2);
  }
  coverage.paint(colour, image);
}

void paint_disc(const PlotPoint& centre, double radius_px, const Rgb& colour, core::Image& image) {
  Coverage coverage({centre}, radius_px + 1, image);
  coverage.add(centre, centre, radius_px);
  coverage.paint(colour, image);
}

}  // namespace margay::chart
