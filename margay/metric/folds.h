#pragma once

#include <cstdint>

#include <torch/types.h>

namespace margay::metric {

/// int64 [N]: deals whole groups to folds of about equally many images, larger groups first, groups of one size in an
/// order drawn from `seed`. groups: int64 [N], 0 … num_groups-1. There are never more folds than groups.
torch::Tensor deal_folds(const torch::Tensor& groups, std::int64_t num_groups, std::int64_t num_folds,
                         std::uint64_t seed);

/// Numbers groups in the order in which they appear, from 0 on; undefined: each image is one. groups: int64 [N], any
/// values. Throws std::invalid_argument for another shape or type.
torch::Tensor numbered_groups(const torch::Tensor& groups, std::int64_t images);

}  // namespace margay::metric
