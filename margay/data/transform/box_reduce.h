#pragma once

#include "margay/core/image.h"

namespace margay::data {

/// Whole pixels of an image; right and bottom are excluded.
struct Region {
  int left;
  int top;
  int right;
  int bottom;

  bool operator==(const Region&) const = default;
};

/// Averages blocks of factor_y x factor_x pixels of a region; at the right and lower edge blocks may be smaller.
/// -> uint8 [ceil(rows/factor_y), ceil(columns/factor_x), 3]. The region must lie within the image and
/// factors be positive; they are not checked.
core::Image box_reduce(const core::Image& image, const Region& region, int factor_y, int factor_x);

}  // namespace margay::data
