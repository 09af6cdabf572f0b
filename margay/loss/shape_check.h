#pragma once

#include <torch/types.h>

namespace margay::loss {

/// Throws std::invalid_argument, naming `function`, unless logits are floating [N,K] or [N,K,d1,…] with K > 0.
void check_logits(const char* function, const torch::Tensor& logits);

/// Throws std::invalid_argument unless targets are whole-number class indices [N] or [N,d1,…] that fit
/// the logits' shape and lie in [0, K). One-hot targets are recognised and named as such.
void check_targets(const char* function, const torch::Tensor& logits, const torch::Tensor& targets);

}  // namespace margay::loss
