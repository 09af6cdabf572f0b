#pragma once

#include "margay/core/image.h"
#include "margay/data/transform/crop.h"
#include "margay/data/transform/pad_mode.h"

namespace margay::data {

/// The pixels of a rectangle that may reach beyond the image: fastai's crop_pad. kReflection mirrors at the centres
/// of the outermost pixels, as NumPy's and fastai's item transforms do, as often as needed.
/// -> uint8 [crop.height,crop.width,3]. Throws std::invalid_argument for an image without pixels or an empty
/// rectangle.
core::Image crop_pad(const core::Image& image, const Crop& crop, PadMode pad_mode);

}  // namespace margay::data
