#pragma once

#include <functional>
#include <numbers>
#include <vector>

#include <opencv2/core.hpp>

#include "margay/data/sample/colour.h"

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

/// The share of the second colour at a point of the drawing, 0 … 1. Edges are hard, since the canvas has a higher
/// resolution than the image.
using Texture = std::function<double(Point)>;

/// Straight bands of equal width across direction `angle`; `period` is the length of a pair.
Texture stripes(double period, double angle, double phase = 0);

/// Stripes along x that bow like ribs; `bow` is how far they lag at y = 1.
Texture ribs(double period, double bow, double phase = 0);

/// Discs of `radius` in rows `pitch` apart, each row shifted by half a pitch.
Texture dots(double pitch, double radius);

/// Squares of side `size`, turned by `angle`.
Texture checks(double size, double angle = 0);

/// `count` sectors, the first half of each in the second colour.
Texture sectors(int count, double offset = 0);

/// Discs at the given centres.
Texture spots(std::vector<Point> centres, double radius);

/// Pairs of meridians of a ball of radius 1 seen from the side, `count` from edge to edge.
Texture meridians(double count, double phase = 0);

/// Bands across a shell that winds by `growth` per radian about the origin.
Texture whorl_bands(double growth, double per_turn);

/// A colour, or two of them mixed by a texture.
struct Paint {
  Colour base;
  Colour ink = base;
  Texture texture = nullptr;
};

/// The finished contents of a canvas, in the image's size.
struct Layer {
  cv::Mat colour;  ///< uint8 [H,W,3], RGB, already multiplied by alpha
  cv::Mat alpha;   ///< uint8 [H,W], 255 where opaque
};

/// A transparent sheet that renders drawings, given in their own coordinates, as smooth pixels.
class Canvas {
 public:
  Canvas(cv::Size size, const Placing& placing);

  void fill(const Path& path, const Paint& paint);
  /// A line with round ends; `width` in the drawing's units.
  void stroke(const Path& line, double width, const Colour& colour);
  /// Cuts a hole.
  void erase(const Path& path);

  Layer finish() const;

 private:
  cv::Size size_;
  Placing placing_;  ///< to pixels of the enlarged canvas
  Placing back_;
  cv::Mat colour_;
  cv::Mat alpha_;

  std::vector<cv::Point> to_pixels(const Path& path) const;
  void blend(const cv::Mat& mask, cv::Point corner, const Paint& paint);
};

/// Puts the layer over `image`, uint8 [H,W,3] of the same size.
void lay_over(cv::Mat& image, const Layer& layer);

}  // namespace margay::data::sample
