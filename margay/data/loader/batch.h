#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/data/dataset.h"
#include "margay/data/transform/augment_draw.h"

namespace margay::data {

/// What a network eats in one step.
struct Batch {
  at::Tensor images;               ///< float [N,3,H,W], normalised, channels-last
  std::vector<AugmentDraw> draws;  ///< empty; or [N], and the images are items, uint8 [N,H,W,3], until finished
  at::Tensor targets;              ///< int64 [N], class indices; float [N,K] for several labels or mixed images
  std::vector<std::size_t> ids;    ///< [N], positions in the dataset
  std::int64_t index = 0;          ///< its place in the pass; Loader::pass(epoch, index + 1) goes on behind it

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

/// The targets of these images: int64 [N]; float [N,K] of zeros and ones where the task is multi-label.
at::Tensor batch_targets(const Dataset& dataset, std::span<const std::size_t> ids);

}  // namespace margay::data
