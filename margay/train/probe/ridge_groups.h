#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace margay::train {

/// Whole groups of one size, one after the other.
struct RidgeGroups {
  std::vector<std::int64_t> positions;  ///< [n] of the images
  std::int64_t size = 1;                ///< m, of each group
};

/// All members of the groups that have a wanted image, in chunks of about so many images; groups larger than `largest`
/// are alone. The smallest groups come first. groups: int64 [N], numbered; wanted: bool [N].
std::vector<RidgeGroups> chunks_of(const torch::Tensor& groups, const torch::Tensor& wanted, std::int64_t chunk,
                                   std::int64_t largest);

}  // namespace margay::train
