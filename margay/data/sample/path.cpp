#include "margay/data/sample/path.h"

#include <algorithm>
#include <cmath>

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

}  // namespace margay::data::sample
