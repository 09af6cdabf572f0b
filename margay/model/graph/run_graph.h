#pragma once

#include <functional>

#include <ATen/core/Tensor.h>

#include "margay/model/graph/graph.h"

namespace margay::model {

/// Hears the value of every computed node, in their order.
using ValueListener = std::function<void(ValueId value, const at::Tensor& tensor)>;

/// Computes a graph as it is written, with LibTorch's operators and nothing that a network does for speed: what an
/// exported graph must give, and what ranges the values inside have. images: float [N,C,H,W] on the device of the
/// network's tensors, which are converted to their dtype. Returns the logits [N,K]; they are the network's up to
/// rounding.
at::Tensor run_graph(const Graph& graph, const at::Tensor& images, const ValueListener& listener = {});

}  // namespace margay::model
