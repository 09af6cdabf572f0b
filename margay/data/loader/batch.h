#pragma once

#include <cstddef>
#include <vector>

#include <torch/types.h>

namespace margay::data {

/// What a network eats in one step.
struct Batch {
  torch::Tensor images;          ///< float [N,3,H,W], normalised, channels-last
  torch::Tensor targets;         ///< int64 [N], class indices
  std::vector<std::size_t> ids;  ///< [N], positions in the dataset

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

}  // namespace margay::data
