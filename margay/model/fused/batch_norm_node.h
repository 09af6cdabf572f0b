#pragma once

#include <vector>

#include <torch/types.h>

#include "margay/model/fused/channel_passes.h"

namespace margay::model::fused {

/// The numbers that normalise a batch, [C] each.
struct NormNumbers {
  std::vector<float> mean;
  std::vector<float> inverse_std;
  std::vector<float> scale;
  std::vector<float> shift;
  double eps = 0;  ///< added to variances

  Scaling scaling() const { return {scale, shift}; }
};

/// moments: mean and biased variance. weight, bias: float [C].
NormNumbers norm_numbers(const ChannelPair& moments, const torch::Tensor& weight, const torch::Tensor& bias,
                         double eps);

/// normalise() into a new tensor as a node of the graph. numbers: of x itself, weight and bias, so that gradients go
/// through them.
torch::Tensor normalise_in_graph(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                                 const torch::Tensor& residual, const NormNumbers& numbers, Kept kept);

}  // namespace margay::model::fused
