#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/core/options.h"
#include "margay/core/random.h"
#include "margay/data/transform/augment_options.h"
#include "margay/data/transform/warp.h"

namespace margay::data {

/// A number of the gamma distribution with this shape, above 0, and scale 1, by Marsaglia, Tsang, "A simple method for
/// generating gamma variables", 2000. Takes as many draws as it needs.
double draw_gamma(double shape, core::Random& random);

/// A number of the beta distribution, 0 … 1: the share of one gamma variable in the sum of two.
double draw_beta(double a, double b, core::Random& random);

/// Which images of a batch are mixed: none, mixup (Zhang et al., "mixup", 2018), cutmix (Yun et al., "CutMix", 2019),
/// or one of the two for each batch, equally likely.
enum class MixMethod { kNone, kMixup, kCutmix, kBoth };

constexpr auto names(MixMethod) {
  return std::array{std::pair{MixMethod::kNone, "none"}, std::pair{MixMethod::kMixup, "mixup"},
                    std::pair{MixMethod::kCutmix, "cutmix"}, std::pair{MixMethod::kBoth, "both"}};
}

/// Defaults of fastai's MixUp and CutMix. The key of method is `mix`, as flags have one name space.
struct MixOptions {
  MixMethod method = MixMethod::kNone;  ///< which method mixes
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
/// anywhere; the part outside the image is cut off, and λ is corrected.
/// images: float [N,C,H,W] on any device, layout kept; targets: float [N,K], rows summing to 1 (one-hot or smoothed),
/// on the same device. The inputs are not changed. Throws std::invalid_argument for other types or shapes, and for
/// options out of range.
Mixed mix(const at::Tensor& images, const at::Tensor& targets, const MixOptions& options, core::Random random);

/// The rectangles of fastai's RandomErasing in an output [size,size], drawn without regard to p_erase; a rectangle
/// may be empty. Source: fastai 2.7, vision/augment.py; Zhong et al., "Random Erasing Data Augmentation", 2017.
std::vector<Region> draw_erased(const EraseOptions& options, int size, core::Random& random);

/// Noise for rectangle `index` of an image: float [rows,columns,3], independent N(0,1), the same for the same key.
std::vector<float> erasing_noise(const Region& region, std::uint64_t noise_key, std::size_t index);

/// Writes the noise over the rectangles. out: float [size,size,3], normalised. Rectangles must lie within it.
void erase(std::span<const Region> regions, std::uint64_t noise_key, int size, float* out);

}  // namespace margay::data
