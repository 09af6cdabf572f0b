#pragma once

#include <torch/types.h>

namespace margay::loss {

/// Whether all rows of logits on the CPU, four at least, are distributions, and not all of them made of zeros and a
/// one. Looks at the first row, at the others only if that is a distribution.
bool look_like_probabilities(const torch::Tensor& logits);

/// Throws std::invalid_argument that begins with [function] if the logits look like probabilities.
void check_not_probabilities(const char* function, const torch::Tensor& logits);

}  // namespace margay::loss
