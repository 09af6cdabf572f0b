#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "margay/core/image.h"
#include "margay/core/options.h"
#include "margay/core/random.h"
#include "margay/data/cache/image_cache.h"
#include "margay/data/dataset.h"
#include "margay/data/image/image_source.h"
#include "margay/data/item.h"
#include "margay/data/transform/augment.h"
#include "margay/data/transform/normalization.h"
#include "margay/data/transform/resize.h"

namespace margay::data {

/// Whether a large JPEG may be decoded at a half to an eighth of its size, as far as presizing hardly tells the
/// difference (ReadOptions::min_side), or always whole, as programs decode it that run an exported model.
enum class Decoding { kScaled, kFull };

constexpr auto names(Decoding /*tag*/) {
  return std::array{std::pair{Decoding::kScaled, "scaled"}, std::pair{Decoding::kFull, "full"}};
}

/// All transforms between an image file and a batch. They are stored with the model.
struct Transforms {
  int deep_bits = 16;  ///< how many of the 16 bits of a deep image's samples hold data, 8 … 16 (ReadOptions)
  ResizeOptions resize;
  AugmentOptions augment;
  Normalization normalization = imagenet_normalization();

  static const core::OptionTable& fields();
};

/// Throws std::invalid_argument for deep_bits out of range, and a normalisation that does not make floats of pixels.
void check_transforms(const Transforms& transforms);

/// Turns one encoded image into one network input: read, presize (item transform), then one interpolation with
/// everything the batch transform drew. Stateless, so threads share it.
class ImagePipeline {
 public:
  /// max_pixels: images with more pixels are refused. Throws std::invalid_argument for options out of range.
  explicit ImagePipeline(const Transforms& transforms, std::int64_t max_pixels = ReadOptions().max_pixels,
                         Decoding decoding = Decoding::kScaled);

  const Transforms& transforms() const { return transforms_; }
  const ReadOptions& read_options() const { return read_options_; }
  Decoding decoding() const { return decoding_; }
  const Resize& item_transform() const { return resize_; }
  const Augment& batch_transform() const { return augment_; }
  /// Side of the square the network sees, pixels.
  int output_size() const { return transforms_.augment.size; }
  /// Floats that one image fills: output_size² · 3.
  std::int64_t output_floats() const;

  /// Reads the image in the size that presizing needs: a large JPEG is decoded at a fraction of its size, unless the
  /// decoding is full. Throws
  /// core::DataError naming the image.
  core::Image read(const ImageSource& image) const;
  /// Reads and presizes: uint8 [S,S,3]. Throws core::DataError naming the image.
  core::Image item(const ImageSource& image, Phase phase, core::Random& random) const;
  /// Draws and applies the batch transform. out: float [size,size,3], channels-last.
  void finish(const core::Image& item, Phase phase, core::Random& random, float* out) const;
  /// item, then finish.
  void run(const ImageSource& image, Phase phase, core::Random random, float* out) const;

  /// Reads the image and applies what is the same in every epoch; a cache keeps the result. Throws core::DataError
  /// naming the image.
  CachedImage cacheable(const ImageSource& image) const;
  /// item() of a cached image, with the same draws. item: overwritten completely; its memory is reused.
  void item_of(const CachedImage& kept, Phase phase, core::Random& random, core::Image& item) const;

 private:
  Transforms transforms_;
  Decoding decoding_;
  ReadOptions read_options_;
  Resize resize_;
  Augment augment_;
};

/// Mean and standard deviation of each channel over at most `max_images` images of the dataset, evenly spread and
/// presized as for validation. The result is the same for any number of threads. Images that cannot be read are
/// skipped. Throws core::DataError when none can, std::invalid_argument unless max_images > 0.
Normalization measure_normalization(const Dataset& dataset, const ImagePipeline& pipeline,
                                    std::size_t max_images = 2000);

}  // namespace margay::data
