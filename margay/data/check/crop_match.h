#pragma once

#include <cstdint>
#include <vector>

#include "margay/core/image.h"

namespace margay::data {

/// What images are compared by to see whether one is cut out of the other: brightness without broad shapes, at two
/// sizes.
class CropDetails {
 public:
  /// image: of any size; more than 128 pixels tell nothing more. Throws std::invalid_argument for one without pixels.
  explicit CropDetails(const core::Image& image);

  /// One number a pixel: brightness less the mean around it.
  struct Plane {
    int height = 0;
    int width = 0;
    std::vector<float> values;  ///< [H,W]
  };
  /// Brightness in 0 … 255 before that, which smaller versions are made of.
  const core::Image& image() const { return image_; }
  const Plane& coarse() const { return coarse_; }
  const Plane& fine() const { return fine_; }

 private:
  core::Image image_;  ///< grey as RGB, its longer side kFineSide
  Plane coarse_;
  Plane fine_;
};

/// Where one image shows a part of another.
struct CropMatch {
  double correlation = 0;  ///< of the details of the part and of the place where it fits best, -1 … 1
  double share = 1;        ///< of the whole image's area that the part shows
  bool is_mirrored = false;
};

/// Whether `part` is cut out of `whole`, perhaps mirrored: its details, at sizes from 40 to 100 % of the whole's sides,
/// are laid on every place of the whole's (normalised cross-correlation, as Lewis, "Fast template matching", 1995),
/// first at 24 pixels, and where that is promising at 64. A match of at least kCropCorrelation is a crop.
CropMatch match_crop(const CropDetails& whole, const CropDetails& part);

/// Above what pairs of photographs that are no copies reach; see docs/guide/check.md.
constexpr double kCropCorrelation = 0.82;

}  // namespace margay::data
