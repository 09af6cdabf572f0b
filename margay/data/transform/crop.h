#pragma once

#include "margay/core/random.h"
#include "margay/data/transform/geometry.h"

namespace margay::data {

/// A rectangle of whole pixels.
struct Crop {
  int left;
  int top;
  int width;
  int height;

  bool operator==(const Crop&) const = default;
};

/// What a random crop may be: shares of the area, and width / height.
struct CropLimits {
  double min_scale;
  double max_scale;
  double min_ratio;
  double max_ratio;
};

/// The largest rectangle in the middle whose width / height lies within the bounds.
Crop centre_crop(int height, int width, double min_ratio, double max_ratio);

/// The crop of fastai's RandomResizedCrop and RandomResizedCropGPU, which is torchvision's: ten attempts, then the
/// centre.
Crop random_crop(int height, int width, const CropLimits& limits, core::Random& random);

}  // namespace margay::data
