#pragma once

#include <cstdint>
#include <filesystem>

#include "margay/core/options.h"
#include "margay/core/random.h"
#include "margay/data/cache/cached_picture.h"
#include "margay/data/image/image.h"
#include "margay/data/image/read_image.h"
#include "margay/data/transform/augment.h"
#include "margay/data/transform/normalization.h"
#include "margay/data/transform/phase.h"
#include "margay/data/transform/resize.h"

namespace margay::data {

/// All that happens to a picture between its file and the batch; it travels with the model.
struct Recipe {
  ResizeOptions resize;
  AugmentOptions augment;
  Normalization normalization = imagenet_normalization();

  static const core::OptionTable& fields();
};

/// Turns one file into one network input: read, presize (item transform), then one interpolation with everything
/// the batch transform drew. Stateless, so threads share it.
class PicturePipeline {
 public:
  /// max_pixels: a picture that claims more is refused. Throws std::invalid_argument for options out of range.
  explicit PicturePipeline(const Recipe& recipe, std::int64_t max_pixels = ReadOptions().max_pixels);

  const Recipe& recipe() const { return recipe_; }
  const ReadOptions& read_options() const { return read_options_; }
  const Resize& item_transform() const { return resize_; }
  const Augment& batch_transform() const { return augment_; }
  /// Side of the square the network sees, pixels.
  int output_size() const { return recipe_.augment.size; }
  /// Floats that one picture fills: output_size² · 3.
  std::int64_t output_floats() const;

  /// The picture as presizing needs it: a large JPEG at a part of its size. Throws core::DataError naming the file.
  Image read(const std::filesystem::path& path) const;
  /// Reads and presizes: uint8 [S,S,3]. Throws core::DataError naming the file.
  Image item(const std::filesystem::path& path, Phase phase, core::Random& random) const;
  /// Draws and applies the batch transform. out: float [size,size,3], channels-last.
  void finish(const Image& item, Phase phase, core::Random& random, float* out) const;
  /// item, then finish.
  void run(const std::filesystem::path& path, Phase phase, core::Random random, float* out) const;

  /// Reads, and does what is the same in every epoch: what a cache keeps. Throws core::DataError naming the file.
  CachedPicture cacheable(const std::filesystem::path& path) const;
  /// item() of a kept picture, with the same draws. item: written whole; its memory is used again.
  void item_of(const CachedPicture& kept, Phase phase, core::Random& random, Image& item) const;

 private:
  Recipe recipe_;
  ReadOptions read_options_;
  Resize resize_;
  Augment augment_;
};

}  // namespace margay::data
