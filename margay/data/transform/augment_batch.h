#pragma once

#include <span>

#include <ATen/core/Tensor.h>

#include "margay/data/transform/augment.h"
#include "margay/data/transform/augment_options.h"
#include "margay/data/transform/normalization.h"

namespace margay::data {

/// Augment::apply for a whole batch with LibTorch's operators, on the device where the images are: the same numbers
/// within 0.01 of a normalised unit, for the same draws. Only a policy's operations on colours and the noise of
/// erasing are computed on the CPU.
/// items: uint8 [N,H,W,3], contiguous; draws: one for each, drawn for [H,W] with these options.
/// -> float [N,3,size,size], normalised, channels-last.
/// Throws std::invalid_argument for images of another type or shape and for another number of draws.
at::Tensor augment_batch(const at::Tensor& items, std::span<const AugmentDraw> draws, const AugmentOptions& options,
                         const Normalization& normalization);

}  // namespace margay::data
