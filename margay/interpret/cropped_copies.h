#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <torch/types.h>

#include "margay/core/image.h"

namespace margay::interpret {

/// An image that shows a part of another one.
struct CroppedCopy {
  std::int64_t whole = 0;  ///< row
  std::int64_t part = 0;   ///< row
  double correlation = 0;  ///< data::CropMatch, at least data::kCropCorrelation
  double share = 1;        ///< of the whole's area that the part shows
  bool is_mirrored = false;
};

/// Reads the image of a row, at 64 pixels or more; nothing for one that cannot be read now. Called from several
/// threads.
using ThumbnailOfRow = std::function<std::optional<core::Image>(std::int64_t row)>;

struct CropSearchOptions {
  std::int64_t neighbours = 2;  ///< each image is compared with so many of the most similar ones
  int threads = 1;
};

/// Finds pairs of which one is cut out of the other, mirrored or not. Features propose: of each image the most similar
/// ones by the cosine of whitened features, exactly, by products of blocks (predict::WhitenedFeatures), so memory does
/// not grow with N². The images decide (data::match_crop), with data::kCropCorrelation or, if that is more, what up to
/// 200 images and their 20th nearest reach. Each pair once, by its rows; of both directions the better
/// one. groups: int64 [N], images of one value are known as copies of each other and not compared; undefined: none are.
///
/// features: float [N,D], finite. Time N² D, and about 1 ms a pair.
std::vector<CroppedCopy> find_cropped_copies(const torch::Tensor& features, const torch::Tensor& groups,
                                             const ThumbnailOfRow& thumbnail, const CropSearchOptions& options = {});

}  // namespace margay::interpret
