#pragma once

#include <cstddef>
#include <vector>

#include <ATen/core/Tensor.h>

namespace margay::data {

/// What a network eats in one step.
struct Batch {
  at::Tensor images;             ///< float [N,3,H,W], normalised, channels-last
  at::Tensor targets;            ///< int64 [N], class indices
  std::vector<std::size_t> ids;  ///< [N], positions in the dataset

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

}  // namespace margay::data
