#pragma once

#include "margay/data/transform/box_reduce.h"
#include "margay/data/transform/geometry.h"
#include "margay/data/transform/pad_mode.h"

namespace margay::data {

/// How many whole pixels are averaged along each axis of an image before it is sampled.
struct Shrink {
  int x = 1;
  int y = 1;
  bool operator==(const Shrink&) const = default;
};

/// Bilinear looks at two pixels along an axis: up to a shrink of 2.2, which includes 460 -> 224, that skips almost
/// nothing; beyond it details would flicker. The factors leave a shrink of 1 to 2.2. A projective map shrinks
/// differently everywhere; what it does at the middle of the output [height,width] decides.
Shrink shrink_of(const Matrix& matrix, int height, int width);

/// The part of an image [source_height,source_width] that the output [height,width] looks at, neighbours included.
/// Its edges are multiples of the factors, or the image's own, so that its blocks are those of the whole image.
Region region_seen(const Matrix& matrix, int height, int width, int source_height, int source_width,
                   const Shrink& shrink, PadMode pad_mode);

/// The least of the third component over the output's frame, divided by that at its middle: 1 for an affine map,
/// 0 or less where the horizon of a projective one lies within.
double least_depth(const Matrix& matrix, int height, int width);

}  // namespace margay::data
