#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "margay/core/options.h"

namespace margay::metric {

struct TtaOptions {
  std::int64_t n = 4;  ///< draws of every image, 1 … 1000
  double beta = 0.25;  ///< share of the plain prediction, 0 … 1

  static const core::OptionTable& fields();
};

/// What turns logits into probabilities: softmax over the classes, or a sigmoid for each.
enum class Activation { kSoftmax, kSigmoid };

/// Averages the predictions for an image itself and for several augmented draws of it (test-time augmentation, fastai's
/// tta): probabilities = beta · plain + (1 - beta) · mean over the draws. The result is returned as logits, so that
/// callers apply their activation as usual. plain: float [N,K] logits; draws: logits of that shape, one at least; beta:
/// 0 … 1. Throws std::invalid_argument for what does not fit.
torch::Tensor average_draws(const torch::Tensor& plain, const std::vector<torch::Tensor>& draws, Activation activation,
                            double beta);

}  // namespace margay::metric
