#pragma once

#include <vector>

#include "margay/core/random.h"
#include "margay/data/transform/augment_options.h"
#include "margay/data/transform/geometry.h"
#include "margay/data/transform/image_ops.h"

namespace margay::data {

/// What a policy drew: its geometry as one map of the output [size,size] onto itself, and its colours.
struct PolicyDraw {
  Matrix matrix;
  std::vector<ImageOp> image_ops;
};

/// Draws from torchvision's lists (0.14, transforms/autoaugment.py): identity, shears, translations, rotation,
/// brightness, color, contrast, sharpness, posterize, solarize, autocontrast and equalize, each equally likely, with
/// its 31 strengths and a random sign where the operation has one. rand_augment takes num_ops of them at one strength
/// (Cubuk et al., "RandAugment", 2020), trivial_augment one at a random strength of wider ranges (Müller, Hutter,
/// "TrivialAugment", 2021). Geometry and colours keep their own order but no longer alternate.
/// Draws for each operation: which, strength (trivial_augment only), sign.
PolicyDraw draw_policy(const PolicyOptions& options, int size, core::Random& random);

}  // namespace margay::data
