#pragma once

#include <span>

#include <ATen/core/Tensor.h>

#include "margay/data/transform/lighting.h"

namespace margay::data {

/// Lights each image in place with its own values, by pointwise operators.
/// images: float [N,3,H,W], 0 … 255, on any device; lighting: one for each.
void light(at::Tensor& images, std::span<const Lighting> lighting);

}  // namespace margay::data
