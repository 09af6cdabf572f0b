#pragma once

#include <cstddef>

#include <hwy/base.h>

namespace margay::model::fused {

/// The inner loops of activations over n elements, computed in float. Each may write over what it reads.
struct ActivationKernel {
  using Value = void (*)(const hwy::bfloat16_t* x, std::size_t n, hwy::bfloat16_t* y);
  using Gradient = void (*)(const hwy::bfloat16_t* gradient, const hwy::bfloat16_t* x, std::size_t n,
                            hwy::bfloat16_t* x_gradient);

  Value silu;
  Gradient silu_gradient;
  Value gelu;
  Gradient gelu_gradient;
};

/// The kernel for the best instruction set of this machine.
ActivationKernel activation_kernel();

}  // namespace margay::model::fused
