#include "margay/model/backbone/layers.h"

#include <torch/nn/modules/container/any.h>

#include "margay/model/graph/graph_builder.h"

namespace margay::model {

ValueId StochasticDepthImpl::describe(GraphBuilder& graph, ValueId x) {
  return graph.step(op::StochasticDepth{p_}, {x}, Storage::kView);
}

Segment slice_layers(const torch::nn::Sequential& layers, std::size_t begin, std::size_t end) {
  Segment segment;
  std::vector<torch::nn::AnyModule> slice;
  for (std::size_t i = begin; i < end; ++i) {
    slice.push_back(*(layers->begin() + static_cast<std::ptrdiff_t>(i)));
    segment.modules.push_back(slice.back().ptr());
  }
  segment.run = [slice](const torch::Tensor& x) mutable {
    torch::Tensor y = x;
    for (torch::nn::AnyModule& layer : slice) y = layer.forward(y);
    return y;
  };
  return segment;
}

}  // namespace margay::model
