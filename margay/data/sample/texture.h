#pragma once

#include <functional>
#include <vector>

#include "margay/data/sample/path.h"

namespace margay::data::sample {

/// How much of the second colour a point of the drawing takes, 0 … 1. Edges are hard: the canvas
/// works at a higher resolution than the image.
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

/// Discs where they are told to be.
Texture spots(std::vector<Point> centres, double radius);

/// Pairs of meridians of a ball of radius 1 seen from the side, `count` from edge to edge.
Texture meridians(double count, double phase = 0);

/// Bands across a shell that winds by `growth` per radian about the origin.
Texture whorl_bands(double growth, double per_turn);

}  // namespace margay::data::sample
