#pragma once

#include <functional>
#include <string>
#include <vector>

#include <ATen/core/ivalue.h>
#include <torch/nn/module.h>

namespace margay::train {

/// One call of a LibTorch operator, as passed to the listener after it has returned.
struct WatchedOperator {
  std::string name;  ///< without "aten::": "conv2d", "add_"
  int depth;         ///< 0: called by the network itself; otherwise the number of enclosing operators
  /// The path of the module ("backbone.layer1.0.conv1") whose parameters are among the arguments of the operator or of
  /// its outermost enclosing one; otherwise the latest such module, or "".
  std::string layer;
  bool is_layer;  ///< whether `layer` is this operator's own
  const std::vector<c10::IValue>& inputs;
  const std::vector<c10::IValue>& outputs;
};

using OperatorListener = std::function<void(const WatchedOperator&)>;

/// Calls `run` and notifies the listener of every operator that this thread calls meanwhile, inner ones before their
/// callers. C++ modules have no hooks, but LibTorch's operators have (at::RecordFunction), and a layer is recognised by
/// its parameters among the arguments. So any network can be watched without changing it. Operators of the listener are
/// not watched. Throws what `run` throws, or else the listener's first exception, after which the listener is not
/// called again. The module must keep its parameters meanwhile; calls cannot be nested (std::invalid_argument).
void watch_operators(const torch::nn::Module& module, const OperatorListener& listener,
                     const std::function<void()>& run);

/// The defined tensors among the values, including those in lists.
std::vector<torch::Tensor> tensors_in(const std::vector<c10::IValue>& values);

/// The address of a tensor's storage, which its views share (a linear layer multiplies by its weight's transpose); null
/// if it has none.
const void* memory_of(const torch::Tensor& tensor);

}  // namespace margay::train
