#pragma once

#include <string>

#include "margay/data/image_pipeline.h"
#include "margay/export/onnx_builder.h"

namespace margay::exporting {

/// The longest side of an image for which the graph's crops are data::resize_window's to the pixel: JPEG's.
inline constexpr std::int64_t kLongestSidePx = 65'535;

/// Throws core::Error, naming the option, for transforms that ONNX's operators cannot express: only border pixels that
/// fade into zeros where the last step enlarges (`augment.pad_mode` zeros, `augment.size` above `resize.size`).
void check_expressible(const data::Transforms& transforms);

/// Adds what validation does to a decoded image (data::ImagePipeline without reading): the item transform, byte for
/// byte (resample_graph.h); then the centre square of the batch transform, and the normalisation. Opset 18. pixels: the
/// value uint8 [N,H,W,3], RGB, upright, all of one size. Returns the value float [N,3,S,S], S = augment.size. Throws as
/// check_expressible.
std::string add_pixels(OnnxBuilder& onnx, const data::Transforms& transforms, const std::string& pixels);

}  // namespace margay::exporting
