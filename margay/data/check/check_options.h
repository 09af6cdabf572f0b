#pragma once

#include <cstdint>
#include <optional>

#include "margay/core/options.h"
#include "margay/data/image/read_options.h"

namespace margay::data {

/// Where a check of the data draws its lines.
struct CheckOptions {
  bool near_duplicates = false;   ///< also look for images that look alike, not only for equal ones
  int near_bits = 10;             ///< hashes of 64 bits that differ in at most so many are compared closely
  double near_correlation = 0.8;  ///< two images look alike from this correlation of their details on
  std::optional<int> min_side;    ///< pixels; by default 32, or half of the median shorter side if that is less
  double max_megapixels = 50;
  double max_aspect = 4;                               ///< longer side / shorter side
  int min_per_class = 10;                              ///< images
  double max_imbalance = 10;                           ///< images of the largest class / of the smallest
  std::int64_t max_pixels = ReadOptions().max_pixels;  ///< an image that claims more is not decoded
  std::optional<int> threads;                          ///< by default one for each CPU

  static const core::OptionTable& fields();
};

}  // namespace margay::data
