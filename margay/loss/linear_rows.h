#pragma once

#include <array>

#include <torch/types.h>

#include "margay/loss/cross_entropy_rows.h"
#include "margay/loss/linear_cross_entropy.h"

namespace margay::loss {

/// What the logits are made of.
struct Linear {
  torch::Tensor features;  ///< [N,D]
  torch::Tensor weight;    ///< [K,D]
  torch::Tensor bias;      ///< [K] or undefined
};

/// The losses of the rows, not reduced, and gradients by features, weight and bias, undefined where not wanted.
struct LinearRows {
  torch::Tensor losses;
  std::array<torch::Tensor, 3> gradients;
};

/// Computes both chunk by chunk; the gradients are those of Σ scale · loss. Arguments are already checked; nothing
/// becomes part of the autograd graph.
LinearRows linear_rows(const Linear& linear, const torch::Tensor& targets, const LinearCrossEntropyOptions& options,
                       const GradientScale& scale, const std::array<bool, 3>& wanted);

}  // namespace margay::loss
