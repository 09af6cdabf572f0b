#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "margay/data/check/check_options.h"
#include "margay/data/check/image_facts.h"

namespace margay::data {

using ImageGroup = std::vector<std::size_t>;  ///< positions of images, ascending

/// Images that look alike, as far as they were compared.
struct SimilarImages {
  std::vector<ImageGroup> groups;  ///< of two images or more
  std::size_t incomplete = 0;      ///< images that have more of near hash than they were compared with
  std::size_t most_compared = 0;   ///< with so many of them
};

/// Joins groups of equal images whose first ones look alike; the facts hold fingerprints. Images of one colour look
/// like nothing. The work does not grow with the square of the images, whatever they show (near_hashes.h).
SimilarImages similar_images(const std::vector<ImageGroup>& equal, std::span<const ImageFacts> facts,
                             const CheckOptions& options);

}  // namespace margay::data
