#pragma once

#include <array>
#include <utility>

#include "margay/core/options.h"
#include "margay/data/transform/resize.h"

namespace margay::data {

/// Published policies, which replace rotation, zoom, perspective, lighting, saturation and hue.
enum class Policy { kNone, kRandAugment, kTrivialAugment };

constexpr auto names(Policy) {
  return std::array{std::pair{Policy::kNone, "none"}, std::pair{Policy::kRandAugment, "rand_augment"},
                    std::pair{Policy::kTrivialAugment, "trivial_augment"}};
}

/// RandAugment (Cubuk et al., 2020) and TrivialAugmentWide (Müller, Hutter, 2021), defaults of torchvision.
struct PolicyOptions {
  Policy policy = Policy::kNone;
  int num_ops = 2;    ///< operations of rand_augment per image, 0 … 16
  int magnitude = 9;  ///< strength of rand_augment, 0 … 30

  static const core::OptionTable& fields();
};

/// fastai's RandomErasing: rectangles of the finished input become noise. Defaults of fastai, but p_erase = 0: off.
struct EraseOptions {
  double p_erase = 0;       ///< probability for each image, 0 … 1
  double sl = 0;            ///< share of the area that is erased at least, 0 … 1
  double sh = 0.3;          ///< share at most, sl … 1
  double min_aspect = 0.3;  ///< a rectangle's height / width lies between this and its inverse, 0.01 … 1
  int max_count = 1;        ///< rectangles at most, which share the area, 1 … 100

  static const core::OptionTable& fields();
};

/// Names and defaults are those of fastai's aug_transforms(); what it lacks is off.
struct AugmentOptions {
  int size = 224;             ///< side of the network's input, pixels, 8 … 8192
  double min_scale = 1.0;     ///< share of the area that a random crop keeps at least, 0.01 … 1; 1: no random crop
  double max_scale = 1.0;     ///< share of the area that it keeps at most, min_scale … 1
  double min_ratio = 1.0;     ///< width / height of a random crop at least, 0.1 … 10; 1: square, nothing is squeezed
  double max_ratio = 1.0;     ///< width / height at most, min_ratio … 10
  double mult = 1.0;          ///< multiplies max_rotate, max_lighting and max_warp, 0 … 4
  bool do_flip = true;        ///< mirror left and right half of the time
  bool flip_vert = false;     ///< with do_flip: instead, half of the time one of the square's eight symmetries
  double max_rotate = 10.0;   ///< degrees to either side at most, 0 … 180
  double min_zoom = 1.0;      ///< enlargement at least, 0.1 … 10
  double max_zoom = 1.1;      ///< enlargement at most, min_zoom … 10
  double max_lighting = 0.2;  ///< change of brightness and contrast at most, 0 … 0.95, with mult too
  double max_warp = 0.2;      ///< tilt of the view at most, 0 … 0.5, with mult too
  double p_affine = 0.75;     ///< probability of each of rotation, zoom and the two tilts, 0 … 1
  double p_lighting = 0.75;   ///< probability of each of brightness, contrast, saturation and hue, 0 … 1
  PadMode pad_mode = PadMode::kReflection;  ///< how pixels outside the image are filled
  double max_saturation = 0;                ///< change of saturation at most, 0 … 0.95
  double max_hue = 0;                       ///< turn of the hue at most, 0 … 0.5 (fastai's Hue: 0.1)
  EraseOptions erase;
  PolicyOptions policy;

  static const core::OptionTable& fields();
};

}  // namespace margay::data
