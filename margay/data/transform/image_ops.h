#pragma once

#include <span>

#include "margay/core/image.h"

namespace margay::data {

/// Operations on the colours of a uint8 image, to the byte those of Pillow 9.4 (ImageEnhance, ImageOps), which are
/// also torchvision's for PIL images.
struct ImageOp {
  enum class Kind {
    kBrightness,    ///< strength: factor; 0 black, 1 unchanged
    kColor,         ///< strength: factor; 0 grey, 1 unchanged
    kContrast,      ///< strength: factor; 0 the mean grey, 1 unchanged
    kSharpness,     ///< strength: factor; 0 smoothed, 1 unchanged
    kPosterize,     ///< strength: how many of the 8 bits stay, 0 … 8
    kSolarize,      ///< strength: values from here on are inverted, 0 … 255
    kAutoContrast,  ///< each channel's range becomes 0 … 255; no strength
    kEqualize       ///< each channel's histogram becomes flat; no strength
  };
  Kind kind;
  double strength = 0;

  bool operator==(const ImageOp&) const = default;
};

/// Changes the image in place. Throws std::invalid_argument for a factor that is negative or not finite and a number
/// of bits outside 0 … 8.
void apply(const ImageOp& op, core::Image& image);

/// One after the other, on a copy.
core::Image apply_all(std::span<const ImageOp> ops, core::Image image);

}  // namespace margay::data
