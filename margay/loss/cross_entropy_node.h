#pragma once

#include "margay/loss/cross_entropy_options.h"

namespace margay::loss {

/// cross_entropy on the CPU as one node of the autograd graph. For mean and sum the gradient is computed along with the
/// loss and kept until backward() hands it on; for none, and for float16, whose small numbers need the upstream
/// gradient's scale first, backward() computes it from the logits. Derivatives of it (create_graph) come from
/// cross_entropy_formula. Arguments are already checked; the logits require a gradient.
torch::Tensor cross_entropy_in_graph(const torch::Tensor& logits, const torch::Tensor& targets,
                                     const CrossEntropyOptions& options);

}  // namespace margay::loss
