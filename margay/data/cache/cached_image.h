#pragma once

#include <cstdint>
#include <string>

#include "margay/core/image.h"
#include "margay/core/random.h"
#include "margay/data/transform/phase.h"
#include "margay/data/transform/resize.h"

namespace margay::data {

/// What is the same in every epoch of the way from a file to an item, and so worth keeping.
struct CachedImage {
  core::Image image;      ///< the presized image, or the decoded one
  int source_height = 0;  ///< of the decoded image, pixels
  int source_width = 0;

  bool is_presized() const { return image.height != source_height || image.width != source_width; }
};

/// Prepares a decoded image for keeping. Where the item is the largest square (crop): the whole image with its
/// shorter side at resize.size, or the decoded one if that is no larger. pad and squish look at more than a square, so
/// there the decoded image is kept, its shorter side brought down to twice resize.size if it is longer; random_crop
/// may enlarge a small part, so there every pixel is kept.
CachedImage to_cached(core::Image decoded, const ResizeOptions& options);

/// The item of a kept image: what Resize::apply makes of the decoded one, with the same draws. From a presized
/// image it is a copied square, whose place is rounded to a whole pixel of the presized image: nothing is
/// interpolated a second time. item: uint8 [S,S,3], written whole; its memory is used again.
void item_of_cached(const CachedImage& kept, const Resize& resize, Phase phase, core::Random& random,
                    core::Image& item);

/// Images kept under one of these can serve another only if the texts are equal. max_pixels: what was refused above
/// it, so that a lower limit does not serve what it refuses.
std::string cached_transforms(const ResizeOptions& options, std::int64_t max_pixels);

}  // namespace margay::data
