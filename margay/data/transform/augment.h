#pragma once

#include <cstdint>
#include <vector>

#include "margay/core/image.h"
#include "margay/core/random.h"
#include "margay/data/item.h"
#include "margay/data/transform/augment_options.h"
#include "margay/data/transform/geometry.h"
#include "margay/data/transform/lighting.h"
#include "margay/data/transform/normalization.h"
#include "margay/data/transform/policy.h"
#include "margay/data/transform/warp.h"

namespace margay::data {

/// All random decisions for one image. Applied in this order: the operations on the item's bytes, one interpolation
/// through the matrix, the lighting, the normalisation, the noise.
struct AugmentDraw {
  Matrix matrix;                   ///< from the output [size,size] to the item [H,W]
  Lighting lighting;               ///< identity for validation
  std::vector<ImageOp> image_ops;  ///< on the item, uint8; empty without a policy
  std::vector<Region> erased;      ///< parts of the output that become noise
  std::uint64_t noise_key = 0;     ///< the noise is a function of this key

  bool operator==(const AugmentDraw&) const = default;
};

/// The batch transform, one image at a time: fastai's aug_transforms() with all geometric transforms in one matrix and
/// one interpolation, directly from uint8 to the normalised input of the network.
class Augment {
 public:
  /// Throws std::invalid_argument when an option lies outside its range, or a minimum above its maximum.
  explicit Augment(AugmentOptions options);

  /// Draws everything that is random about one image: an item [height,width]. For validation it is the largest centre
  /// square and nothing else.
  ///
  /// For training, in this order: crop (fastai's RandomResizedCropGPU when min_scale < 1, else the centre square),
  /// flip, tilts, rotation, zoom, brightness, contrast, saturation, hue, erasing, policy. A place in the output goes
  /// through the crop, then zoom, rotation and flip, then the tilts, as in fastai, but through one interpolation.
  /// A tilt that would show the horizon, which needs a max_warp above fastai's, is halved until it does not.
  AugmentDraw draw(int height, int width, Phase phase, core::Random& random) const;

  /// out: float [size,size,3], channels last, normalised; overwritten completely.
  void apply(const core::Image& image, const AugmentDraw& draw, const Normalization& normalization, float* out) const;

  const AugmentOptions& options() const { return options_; }

 private:
  AugmentOptions options_;
};

/// For DataBlock::batch_transform: augment({.size = 224, .min_scale = 0.75}).
Augment augment(AugmentOptions options = {});

}  // namespace margay::data
