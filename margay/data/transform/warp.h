#pragma once

#include "margay/data/image/image.h"
#include "margay/data/transform/geometry.h"
#include "margay/data/transform/normalization.h"

namespace margay::data {

/// Looks each output pixel's centre up in the picture through `matrix`, bilinearly, and normalises it.
/// Where the map shrinks by 2.2 or more along an axis of the picture, whole pixels are averaged first, so
/// that every pixel counts. Outside the picture its border pixels go on.
/// out: float [height,width,3], channels last; written whole.
/// Throws std::invalid_argument for a projective matrix, a picture without pixels or a side below 1.
void warp_normalised(const Image& image, const Matrix& matrix, const Normalization& normalization, int height,
                     int width, float* out);

/// The same, rounded to uint8 [height,width,3] instead of normalised: what the network sees, to look at.
Image warp(const Image& image, const Matrix& matrix, int height, int width);

}  // namespace margay::data
