#include "margay/chart/label_places.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace margay::chart {
namespace {

constexpr double kSampleStep = 4;  // a curve is looked at in points this far apart
constexpr double kPointRadius = 6;
constexpr double kMargin = 3;  // around a label
constexpr double kPriceOfOverlap = 1000;
constexpr double kPriceOfCurve = 30;
constexpr double kPriceOfTurn = 0.05;  // among equals the upper right, where a reader looks first

std::vector<PlotPoint> samples_of(const std::vector<PlotRun>& curves) {
  std::vector<PlotPoint> samples;
  for (const PlotRun& run : curves) {
    samples.push_back(run.front());
    for (std::size_t i = 1; i < run.size(); ++i) {
      const double dx = run[i].x - run[i - 1].x;
      const double dy = run[i].y - run[i - 1].y;
      const int steps = std::max(1, static_cast<int>(std::hypot(dx, dy) / kSampleStep));
      for (int k = 1; k <= steps; ++k) {
        samples.push_back({run[i - 1].x + dx * k / steps, run[i - 1].y + dy * k / steps});
      }
    }
  }
  return samples;
}

double shared_area(const PlotBox& a, const PlotBox& b) {
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

bool holds(const PlotBox& box, const PlotPoint& point) {
  return point.x >= box.left && point.x <= box.right && point.y >= box.top && point.y <= box.bottom;
}

PlotBox grown(const PlotBox& box, double margin) {
  return {box.left - margin, box.top - margin, box.right + margin, box.bottom + margin};
}

PlotBox box_around(const PlotPoint& centre, double width, double height) {
  return {centre.x - width / 2, centre.y - height / 2, centre.x + width / 2, centre.y + height / 2};
}

/// The box whose nearest point lies about this far from the point in one direction, moved into the bounds.
PlotBox candidate(const LabelWish& wish, double distance, double angle, const PlotBox& bounds) {
  const auto shift = [&](double direction, double size) {
    constexpr double kSteepness = 1.5;  // a box to the upper right has its corner, not its middle, in that direction
    return direction * distance + std::clamp(direction * kSteepness, -1.0, 1.0) * size / 2;
  };
  const PlotPoint centre = {wish.at.x + shift(std::cos(angle), wish.width),
                            wish.at.y - shift(std::sin(angle), wish.height)};
  const PlotBox room = {bounds.left + wish.width / 2, bounds.top + wish.height / 2,
                        std::max(bounds.left + wish.width / 2, bounds.right - wish.width / 2),
                        std::max(bounds.top + wish.height / 2, bounds.bottom - wish.height / 2)};
  return box_around(nearest_in(room, centre), wish.width, wish.height);
}

double distance_between(const PlotBox& box, const PlotPoint& point) {
  const PlotPoint nearest = nearest_in(box, point);
  return std::hypot(nearest.x - point.x, nearest.y - point.y);
}

/// What it costs that a box is not free.
double price(const PlotBox& box, const std::vector<PlotBox>& taken, const std::vector<PlotPoint>& samples) {
  const PlotBox wide = grown(box, kMargin);
  double price = 0;
  for (const PlotBox& each : taken) price += kPriceOfOverlap * shared_area(wide, each);
  for (const PlotPoint& point : samples) price += holds(wide, point) ? kPriceOfCurve : 0;
  return price;
}

PlotBox best_place(const LabelWish& wish, const std::vector<PlotBox>& taken, const std::vector<PlotPoint>& samples,
                   const PlotBox& bounds) {
  constexpr int kDirections = 16;
  constexpr std::array<double, 8> kDistances = {13, 18, 30, 48, 75, 110, 160, 230};
  PlotBox best;
  double lowest = std::numeric_limits<double>::infinity();
  for (const double distance : kDistances) {
    for (int k = 0; k < kDirections; ++k) {
      const PlotBox box = candidate(wish, distance, std::numbers::pi * (0.25 + 2.0 * k / kDirections), bounds);
      const double cost =
          std::max(distance, distance_between(box, wish.at)) + kPriceOfTurn * k + price(box, taken, samples);
      if (cost >= lowest) continue;
      best = box;
      lowest = cost;
    }
  }
  return best;
}

}  // namespace

std::vector<PlotBox> label_places(const std::vector<LabelWish>& wishes, const std::vector<PlotRun>& curves,
                                  const PlotBox& bounds) {
  const std::vector<PlotPoint> samples = samples_of(curves);
  std::vector<PlotBox> taken;
  for (const LabelWish& wish : wishes) taken.push_back(box_around(wish.at, 2 * kPointRadius, 2 * kPointRadius));
  std::vector<PlotBox> places;
  for (const LabelWish& wish : wishes) {
    places.push_back(best_place(wish, taken, samples, bounds));
    taken.push_back(places.back());
  }
  return places;
}

}  // namespace margay::chart
