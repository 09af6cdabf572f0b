#pragma once

#include <string>

#include "margay/data/image_pipeline.h"
#include "margay/export/onnx_builder.h"

namespace margay::exporting {

/// Adds the batch transform for validation (data::warp_normalised): blocks of pixels are averaged where two neighbours
/// would skip some, byte for byte; then a bilinear interpolation without rounding, and the normalisation, in float32.
/// pixels: the value uint8 [N,S,S,3], S = resize.size. Returns the value float [N,3,T,T], T = augment.size.
std::string add_batch_transform(OnnxBuilder& onnx, const data::Transforms& transforms, const std::string& pixels);

}  // namespace margay::exporting
