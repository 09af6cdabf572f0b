#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "margay/core/random.h"

namespace margay::data {

/// `count` positions in `weights`, drawn with replacement, each in proportion to its weight; a weight of 0 is never
/// drawn. Throws std::invalid_argument for a negative or non-finite weight, or when all are 0.
std::vector<std::size_t> sample_weighted(std::span<const double> weights, std::size_t count, core::Random random);

}  // namespace margay::data
