#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/ivalue.h>
#include <torch/nn/module.h>

namespace margay::model {

/// One call of an operator of LibTorch, as its listener sees it when it has returned.
struct WatchedOperator {
  std::string name;  ///< without "aten::": "conv2d", "add_"
  int depth;         ///< 0: called by the network itself; else by so many operators around it
  /// The module whose parameters are among the arguments of the operator, or of the outermost one around it, by its
  /// path
  /// ("backbone.layer1.0.conv1"); else the latest that was, "" if there was none.
  std::string layer;
  bool is_layer;  ///< whether `layer` is this operator's own
  const std::vector<c10::IValue>& inputs;
  const std::vector<c10::IValue>& outputs;
};

using OperatorListener = std::function<void(const WatchedOperator&)>;

/// Runs `run` and tells of every operator that this thread calls meanwhile, inner ones before those that called them.
/// C++ modules have no hooks, but LibTorch's operators have (at::RecordFunction); a layer is recognised by its
/// parameters among the arguments. So any network can be watched, and none needs to know of it. Operators of the
/// listener are not watched. Throws what `run` throws, or else what the listener threw first, after which it hears no
/// more. The module must keep its parameters meanwhile; within `run` nothing else may be watched
/// (std::invalid_argument).
void watch_operators(const torch::nn::Module& module, const OperatorListener& listener,
                     const std::function<void()>& run);

/// The tensors among the values, those in lists included, undefined ones left out.
std::vector<torch::Tensor> tensors_in(const std::vector<c10::IValue>& values);

/// What a tensor shares with its views (a linear layer multiplies by its weight's transpose); null if it has none.
const void* memory_of(const torch::Tensor& tensor);

/// Multiply-adds of one operator from the shapes of its arguments: of convolutions, matrix products and attention
/// (softmax(q·kᵀ)·v, both products). 0 for every other, whatever it calls.
std::int64_t macs_of(const WatchedOperator& op);

/// Counts the multiply-adds of a network that is watched. Call it for every operator, inner ones too: what an operator
/// such as conv2d does not say itself is said by those that it calls.
class MacCounter {
 public:
  /// Returns the multiply-adds of the operator with all that it called.
  std::int64_t add(const WatchedOperator& op);

 private:
  std::vector<std::int64_t> finished_;  ///< by depth: of operators whose caller still runs
};

}  // namespace margay::model
