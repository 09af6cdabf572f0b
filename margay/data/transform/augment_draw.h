#pragma once

#include <cstdint>
#include <vector>

#include "margay/data/transform/box_reduce.h"
#include "margay/data/transform/geometry.h"
#include "margay/data/transform/image_ops.h"
#include "margay/data/transform/lighting.h"

namespace margay::data {

/// All that chance decided for one image. Applied in this order: the operations on the item's bytes, one
/// interpolation through the matrix, the lighting, the normalisation, the noise.
struct AugmentDraw {
  Matrix matrix;                   ///< from the output [size,size] to the item [H,W]
  Lighting lighting;               ///< neutral for validation
  std::vector<ImageOp> image_ops;  ///< on the item, uint8; empty without a policy
  std::vector<Region> erased;      ///< parts of the output that become noise
  std::uint64_t noise_key = 0;     ///< the noise is a function of this key

  bool operator==(const AugmentDraw&) const = default;
};

}  // namespace margay::data
