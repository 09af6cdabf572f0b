#pragma once

#include "margay/core/image.h"
#include "margay/data/transform/geometry.h"
#include "margay/data/transform/lighting.h"
#include "margay/data/transform/normalization.h"
#include "margay/data/transform/pad_mode.h"

namespace margay::data {

/// Looks each output pixel's centre up in the image through `matrix`, bilinearly, lights and normalises it.
/// Where the map shrinks by 2.2 or more along an axis of the image, whole pixels are averaged first, so that
/// every pixel counts (transform/shrink.h). What lies outside the image follows torch's grid_sample with
/// align_corners=False: reflection is about the image's edge, and beside zeros the border pixels fade out.
/// out: float [height,width,3], channels last; written whole.
/// Throws std::invalid_argument for an image without pixels, a side below 1, a matrix with a number that is not
/// finite, and a projective matrix whose horizon lies within the output.
void warp_normalised(const core::Image& image, const Matrix& matrix, const Normalization& normalization, int height,
                     int width, float* out, PadMode pad_mode = PadMode::kBorder, const Lighting& lighting = {});

/// The same, rounded to uint8 [height,width,3] instead of normalised: what the network sees, to look at.
core::Image warp(const core::Image& image, const Matrix& matrix, int height, int width,
                 PadMode pad_mode = PadMode::kBorder, const Lighting& lighting = {});

}  // namespace margay::data
