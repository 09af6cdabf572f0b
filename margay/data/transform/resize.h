#pragma once

#include <tuple>

#include "margay/core/options.h"
#include "margay/core/random.h"
#include "margay/data/image/image.h"
#include "margay/data/transform/phase.h"

namespace margay::data {

struct ResizeOptions {
  int size = 460;  ///< side of the square, pixels, 8 … 8192

  static constexpr const char* kName = "resize";
  static constexpr auto fields() {
    return std::tuple{core::field("size", &ResizeOptions::size, "side of the square, pixels", {8, 8192})};
  }
};

/// The item transform: the largest square of the picture, at one size. Its place along the longer side is
/// drawn for training and the middle for validation (fastai's Resize(method='crop')).
class Resize {
 public:
  /// Throws std::invalid_argument when an option lies outside its range.
  explicit Resize(ResizeOptions options);

  /// -> uint8 [size,size,3]. Always makes two draws for training, none for validation.
  /// Throws std::invalid_argument for a picture without pixels.
  Image apply(const Image& image, Phase phase, core::Random& random) const;
  const ResizeOptions& options() const { return options_; }

 private:
  ResizeOptions options_;
};

/// For DataBlock::item_transform: resize({.size = 460}).
Resize resize(ResizeOptions options = {});

}  // namespace margay::data
