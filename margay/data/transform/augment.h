#pragma once

#include <tuple>

#include "margay/core/options.h"
#include "margay/core/random.h"
#include "margay/data/image/image.h"
#include "margay/data/transform/geometry.h"
#include "margay/data/transform/normalization.h"
#include "margay/data/transform/phase.h"

namespace margay::data {

/// Defaults are those of fastai's aug_transforms().
struct AugmentOptions {
  int size = 224;          ///< side of the network's input, pixels, 8 … 8192
  double min_scale = 1.0;  ///< share of the area that a random crop keeps at least, 0.01 … 1; 1: no random crop
  double max_scale = 1.0;  ///< share of the area that it keeps at most, min_scale … 1
  double min_ratio = 1.0;  ///< width / height of a random crop at least, 0.1 … 10; 1: square, nothing is squeezed
  double max_ratio = 1.0;  ///< width / height at most, min_ratio … 10
  bool do_flip = true;     ///< mirror left and right half of the time

  static constexpr const char* kName = "augment";
  static constexpr auto fields() {
    return std::tuple{
        core::field("size", &AugmentOptions::size, "side of the network's input, pixels", {8, 8192}),
        core::field("min_scale", &AugmentOptions::min_scale,
                    "share of the area that a random crop keeps at least; 1: no random crop", {0.01, 1}),
        core::field("max_scale", &AugmentOptions::max_scale, "share of the area that it keeps at most", {0.01, 1}),
        core::field("min_ratio", &AugmentOptions::min_ratio, "width / height of a random crop at least", {0.1, 10}),
        core::field("max_ratio", &AugmentOptions::max_ratio, "width / height of a random crop at most", {0.1, 10}),
        core::field("do_flip", &AugmentOptions::do_flip, "mirror left and right half of the time")};
  }
};

/// The batch transform, one picture at a time: everything geometric becomes one matrix and so one
/// interpolation, straight from uint8 to the normalised input of the network.
class Augment {
 public:
  /// Throws std::invalid_argument when an option lies outside its range, or a minimum above its maximum.
  explicit Augment(AugmentOptions options);

  /// The map from the output [size,size] to an item [height,width]: for training the random-resized crop
  /// and the flip; for validation, and without random crop, the largest centre square.
  Matrix draw(int height, int width, Phase phase, core::Random& random) const;

  /// out: float [size,size,3], channels last, normalised; written whole.
  void apply(const Image& image, const Matrix& matrix, const Normalization& normalization, float* out) const;

  const AugmentOptions& options() const { return options_; }

 private:
  AugmentOptions options_;
};

/// For DataBlock::batch_transform: augment({.size = 224, .min_scale = 0.75}).
Augment augment(AugmentOptions options = {});

}  // namespace margay::data
