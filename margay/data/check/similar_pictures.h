#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "margay/data/check/check_options.h"
#include "margay/data/check/picture_facts.h"

namespace margay::data {

using PictureGroup = std::vector<std::size_t>;  ///< positions of pictures, ascending

/// Pictures that look alike, as far as they were compared.
struct SimilarPictures {
  std::vector<PictureGroup> groups;  ///< of two pictures or more
  std::size_t incomplete = 0;        ///< pictures that have more of near hash than they were compared with
  std::size_t most_compared = 0;     ///< with so many of them
};

/// Joins groups of equal pictures whose first ones look alike; the facts hold their looks. Pictures of one colour look
/// like nothing. The work does not grow with the square of the pictures, whatever they show (near_hashes.h).
SimilarPictures similar_pictures(const std::vector<PictureGroup>& equal, std::span<const PictureFacts> facts,
                                 const CheckOptions& options);

}  // namespace margay::data
