#pragma once

#include <cstdint>
#include <string>

#include "margay/core/image.h"
#include "margay/core/random.h"
#include "margay/data/transform/phase.h"
#include "margay/data/transform/resize.h"

namespace margay::data {

/// What is the same in every epoch of the way from a file to an item, and so worth keeping.
struct CachedPicture {
  core::Image image;      ///< the presized picture, or the decoded one
  int source_height = 0;  ///< of the decoded picture, pixels
  int source_width = 0;

  bool is_presized() const { return image.height != source_height || image.width != source_width; }
};

/// Prepares a decoded picture for keeping. Where the item is the largest square (crop): the whole picture with its
/// shorter side at resize.size, or the decoded one if that is no larger. pad and squish look at more than a square, so
/// there the decoded picture is kept, its shorter side brought down to twice resize.size if it is longer; random_crop
/// may enlarge a small part, so there every pixel is kept.
CachedPicture to_cached(core::Image decoded, const ResizeOptions& options);

/// The item of a kept picture: what Resize::apply makes of the decoded one, with the same draws. From a presized
/// picture it is a copied square, whose place is rounded to a whole pixel of the presized picture: nothing is
/// interpolated a second time. item: uint8 [S,S,3], written whole; its memory is used again.
void item_of_cached(const CachedPicture& kept, const Resize& resize, Phase phase, core::Random& random,
                    core::Image& item);

/// Pictures kept under one of these can serve another only if the texts are equal. max_pixels: what was refused above
/// it, so that a lower limit does not serve what it refuses.
std::string cache_recipe(const ResizeOptions& options, std::int64_t max_pixels);

}  // namespace margay::data
