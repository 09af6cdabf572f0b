#pragma once

#include "margay/data/image/image_format.h"

namespace margay::data {

/// The factor by which a JPEG may be reduced while it is decoded: 1, 2, 4 or 8. min_side: as in ReadOptions.
int jpeg_denominator(ImageSize size, int min_side);

/// The side of the reduced image. libjpeg rounds up; rounding to the nearest keeps the image from being stretched by
/// more than half a reduced pixel.
int jpeg_scaled_side(std::int64_t side, int denominator);

}  // namespace margay::data
