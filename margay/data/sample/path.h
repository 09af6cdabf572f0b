#pragma once

#include <functional>
#include <numbers>
#include <vector>

#include <opencv2/core.hpp>

namespace margay::data::sample {

/// Drawings use x to the right, y down, and fill about -1 … 1; angles are radians, clockwise.
using Point = cv::Point2d;
using Path = std::vector<Point>;

constexpr double kTurn = 2 * std::numbers::pi;

/// The point at `radius` from the origin in direction `angle`.
Point polar(double radius, double angle);

Path ellipse(Point centre, double radius_x, double radius_y);
Path circle(Point centre, double radius);
Path rectangle(Point centre, double width, double height);

/// The closed curve radius(angle), angle over one turn.
Path polar_curve(const std::function<double(double)>& radius, int steps = 360);

/// A closed round curve through the knots (Catmull-Rom).
Path smooth(const Path& knots);
/// The same, from the first knot to the last, left open.
Path smooth_line(const Path& knots);

Path moved(Path path, Point by);
Path turned(Path path, double angle);
/// Left and right exchanged.
Path mirrored(Path path);
/// Larger or smaller by `factor`, about `centre`.
Path scaled(Path path, double factor, Point centre = {0, 0});

/// A linear map and a shift: from a drawing's coordinates to pixels.
using Placing = cv::Matx23d;

Point apply(const Placing& placing, Point point);
Placing inverse(const Placing& placing);
/// How many times longer lengths become, on average over directions.
double magnification(const Placing& placing);

}  // namespace margay::data::sample
