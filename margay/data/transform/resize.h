#pragma once

#include <array>
#include <utility>

#include "margay/core/image.h"
#include "margay/core/options.h"
#include "margay/core/random.h"
#include "margay/data/item.h"
#include "margay/data/transform/geometry.h"

namespace margay::data {

/// How pixels outside an image are filled: black, with the nearest border pixel, or with the mirror image.
enum class PadMode { kZeros, kBorder, kReflection };

constexpr auto names(PadMode) {
  return std::array{std::pair{PadMode::kZeros, "zeros"}, std::pair{PadMode::kBorder, "border"},
                    std::pair{PadMode::kReflection, "reflection"}};
}

/// A rectangle of whole pixels.
struct Crop {
  int left;
  int top;
  int width;
  int height;

  bool operator==(const Crop&) const = default;
};

/// The limits of a random crop: shares of the area, and width / height.
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

/// The pixels of a rectangle that may reach beyond the image: fastai's crop_pad. kReflection mirrors at the centres
/// of the outermost pixels, as NumPy's and fastai's item transforms do, as often as needed.
/// -> uint8 [crop.height,crop.width,3]. Throws std::invalid_argument for an image without pixels or an empty
/// rectangle.
core::Image crop_pad(const core::Image& image, const Crop& crop, PadMode pad_mode);

/// How an image of any shape becomes a square: its largest square, the whole image padded, the whole image squeezed, or
/// fastai's RandomResizedCrop.
enum class ResizeMethod { kCrop, kPad, kSquish, kRandomCrop };

constexpr auto names(ResizeMethod) {
  return std::array{std::pair{ResizeMethod::kCrop, "crop"}, std::pair{ResizeMethod::kPad, "pad"},
                    std::pair{ResizeMethod::kSquish, "squish"}, std::pair{ResizeMethod::kRandomCrop, "random_crop"}};
}

/// Keys begin with resize_ because flags share one name space, in which AugmentOptions has the plain names. Defaults
/// are those of fastai's Resize and RandomResizedCrop.
struct ResizeOptions {
  int size = 460;                             ///< side of the square, pixels, 8 … 8192
  ResizeMethod method = ResizeMethod::kCrop;  ///< which part of the image
  PadMode pad_mode = PadMode::kReflection;    ///< pad: what surrounds the image
  double min_scale = 0.08;                    ///< random_crop: share of the area at least, 0.01 … 1
  double max_scale = 1.0;                     ///< random_crop: share at most, min_scale … 1
  double min_ratio = 3.0 / 4;                 ///< random_crop: width / height at least, 0.1 … 10
  double max_ratio = 4.0 / 3;                 ///< random_crop: width / height at most, min_ratio … 10
  double val_xtra = 0.14;  ///< random_crop: validation is this share larger, then cut to the middle, 0 … 1

  static const core::OptionTable& fields();
};

/// The rectangle of an image [height,width] that fastai's Resize maps to [out_height,out_width]; for pad it exceeds the
/// image. at_x and at_y, 0 … 1, are its position; 0.5 is the middle. Not for random_crop.
Crop resize_window(ResizeMethod method, int height, int width, int out_height, int out_width, double at_x, double at_y);

/// The item transform: brings every image to one size (fastai's Resize and RandomResizedCrop). The position is random
/// for training and the middle for validation.
class Resize {
 public:
  /// Throws std::invalid_argument when an option lies outside its range, or a minimum above its maximum.
  explicit Resize(ResizeOptions options);

  /// -> uint8 [size,size,3]. For training crop and pad make two draws, random_crop four for each attempt; for
  /// validation there are none. Throws std::invalid_argument for an image without pixels.
  core::Image apply(const core::Image& image, Phase phase, core::Random& random) const;
  const ResizeOptions& options() const { return options_; }

 private:
  ResizeOptions options_;
};

/// For DataBlock::item_transform: resize({.size = 460}).
Resize resize(ResizeOptions options = {});

}  // namespace margay::data
