#pragma once

#include <utility>

#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>

namespace margay::model {

/// A Sequential that can be a layer of another, so that "classifier.6.weight" can be a name in a head. LibTorch's own
/// cannot: its forward is a template.
class NestedSequentialImpl : public torch::nn::SequentialImpl {
 public:
  using SequentialImpl::SequentialImpl;
  torch::Tensor forward(torch::Tensor x) { return SequentialImpl::forward(std::move(x)); }
};
TORCH_MODULE(NestedSequential);

}  // namespace margay::model
