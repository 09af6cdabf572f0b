#pragma once

#include "margay/core/image.h"
#include "margay/data/transform/geometry.h"
#include "margay/data/transform/lighting.h"
#include "margay/data/transform/normalization.h"
#include "margay/data/transform/resize.h"

namespace margay::data {

/// A rectangle of whole pixels of an image; right and bottom are exclusive.
struct Region {
  int left;
  int top;
  int right;
  int bottom;

  bool operator==(const Region&) const = default;
};

/// Averages blocks of factor_y x factor_x pixels of a region; at the right and lower edge blocks may be smaller.
/// -> uint8 [ceil(rows/factor_y), ceil(columns/factor_x), 3]. The region must lie within the image and
/// factors be positive; they are not checked.
core::Image box_reduce(const core::Image& image, const Region& region, int factor_y, int factor_x);

/// How many pixels are averaged along each axis of an image before it is sampled.
struct Shrink {
  int x = 1;
  int y = 1;
  bool operator==(const Shrink&) const = default;
};

/// Bilinear interpolation reads two pixels along an axis. Up to a shrink of 2.2, which includes 460 -> 224, that skips
/// almost no pixel; beyond it details would flicker. The factors leave a shrink of 1 to 2.2. A projective map shrinks
/// differently everywhere; the middle of the output [height,width] decides.
Shrink shrink_of(const Matrix& matrix, int height, int width);

/// The part of an image [source_height,source_width] that the output [height,width] reads, including neighbours.
/// Its edges are multiples of the factors, or the image's own, so that its blocks are those of the whole image.
Region region_seen(const Matrix& matrix, int height, int width, int source_height, int source_width,
                   const Shrink& shrink, PadMode pad_mode);

/// The smallest third component over the output's frame, divided by that at its middle: 1 for an affine map, 0 or less
/// if the horizon of a projective map lies within the frame.
double least_depth(const Matrix& matrix, int height, int width);

/// Maps each output pixel's centre into the image by `matrix`, interpolates bilinearly, then lights and normalises the
/// pixel.
/// Where the map shrinks by 2.2 or more along an axis of the image, whole pixels are averaged first, so that every
/// pixel counts. Pixels outside the image are filled as by torch's grid_sample with align_corners=False: reflection is
/// about the image's edge, and next to zeros the border pixels fade out.
/// out: float [height,width,3], channels last; written whole.
/// Throws std::invalid_argument for an image without pixels, a side below 1, a matrix with a number that is not finite,
/// and a projective matrix whose horizon lies within the output.
void warp_normalised(const core::Image& image, const Matrix& matrix, const Normalization& normalization, int height,
                     int width, float* out, PadMode pad_mode = PadMode::kBorder, const Lighting& lighting = {});

/// The same, rounded to uint8 [height,width,3] instead of normalised, to show what the network sees.
core::Image warp(const core::Image& image, const Matrix& matrix, int height, int width,
                 PadMode pad_mode = PadMode::kBorder, const Lighting& lighting = {});

}  // namespace margay::data
