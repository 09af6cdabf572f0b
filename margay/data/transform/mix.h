#pragma once

#include <array>
#include <utility>

#include <ATen/core/Tensor.h>

#include "margay/core/options.h"
#include "margay/core/random.h"

namespace margay::data {

/// Which images of a batch are mixed: none, mixup (Zhang et al., "mixup", 2018), cutmix (Yun et al., "CutMix", 2019),
/// or one of the two for each batch, equally likely.
enum class MixMethod { kNone, kMixup, kCutmix, kBoth };

constexpr auto names(MixMethod) {
  return std::array{std::pair{MixMethod::kNone, "none"}, std::pair{MixMethod::kMixup, "mixup"},
                    std::pair{MixMethod::kCutmix, "cutmix"}, std::pair{MixMethod::kBoth, "both"}};
}

/// Defaults of fastai's MixUp and CutMix. The key of method is `mix`, as flags have one name space.
struct MixOptions {
  MixMethod method = MixMethod::kNone;  ///< what is mixed
  double mixup_alpha = 0.4;             ///< the smaller, the less the second image shows, 0.01 … 100
  double cutmix_alpha = 1.0;            ///< the smaller, the more extreme the box's size, 0.01 … 100

  static const core::OptionTable& fields();
};

/// Images and targets after mixing.
struct Mixed {
  at::Tensor images;   ///< float [N,3,H,W]
  at::Tensor targets;  ///< float [N,K]
};

/// Mixes each image with another of the batch, and their targets in the same proportion.
/// mixup: share λ ~ Beta(mixup_alpha, mixup_alpha) of each image on its own, at least one half (fastai).
/// cutmix: one box for the batch with a share 1 - λ of the area, λ ~ Beta(cutmix_alpha, cutmix_alpha), its middle
/// anywhere; what leaves the image is cut off and λ follows.
/// images: float [N,C,H,W] on any device, layout kept; targets: float [N,K], rows summing to 1 (one-hot or smoothed),
/// on the same device. The inputs are left as they are. Throws std::invalid_argument for other types or shapes, and for
/// options out of range.
Mixed mix(const at::Tensor& images, const at::Tensor& targets, const MixOptions& options, core::Random random);

}  // namespace margay::data
