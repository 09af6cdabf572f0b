#pragma once

#include <span>
#include <vector>

#include "margay/core/image.h"
#include "margay/core/random.h"
#include "margay/data/transform/augment_options.h"
#include "margay/data/transform/geometry.h"

namespace margay::data {

/// Operations on the colours of a uint8 image. They equal those of Pillow 9.4 (ImageEnhance, ImageOps) to the byte,
/// which torchvision uses for PIL images.
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

/// The draw of a policy: its geometry as one map of the output [size,size] onto itself, and its colour operations.
struct PolicyDraw {
  Matrix matrix;
  std::vector<ImageOp> image_ops;
};

/// Draws from torchvision's lists (0.14, transforms/autoaugment.py): identity, shears, translations, rotation,
/// brightness, color, contrast, sharpness, posterize, solarize, autocontrast and equalize, each equally likely, with
/// its 31 strengths and a random sign where the operation has one. rand_augment takes num_ops of them at one strength
/// (Cubuk et al., "RandAugment", 2020), trivial_augment one at a random strength of wider ranges (Müller, Hutter,
/// "TrivialAugment", 2021). Geometry and colours keep their own order but no longer alternate.
/// For each operation it draws: which one, the strength (trivial_augment only), the sign.
PolicyDraw draw_policy(const PolicyOptions& options, int size, core::Random& random);

}  // namespace margay::data
