#pragma once

#include <string>

#include "margay/export/onnx_builder.h"

namespace margay::exporting {

/// Both sides of an image: values int64 [1] each.
struct ImageSides {
  std::string height;
  std::string width;
};

/// Adds data::resample for whole images, byte for byte: Pillow's BILINEAR in whole numbers. ONNX's own Resize has the
/// filter (`antialias`), but sums floats, which takes sums near a half to either side.
/// pixels: the value uint8 [N,H,W,3], whose sides are `from`. Returns the value uint8 [N,h,w,3] of the
/// sides `to`. Sides may be anything whose data::resample has weights above 0, up to 2^22 pixels.
std::string add_resample(OnnxBuilder& onnx, const std::string& pixels, const ImageSides& from, const ImageSides& to);

}  // namespace margay::exporting
