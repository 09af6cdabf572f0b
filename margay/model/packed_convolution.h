#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/ivalue.h>
#include <torch/nn/modules/conv.h>

namespace margay::model {

class Classifier;

/// A convolution for inference that also keeps its weights in the order in which oneDNN wants them for one size of
/// images. LibTorch brings the weights of every convolution into that order for each batch anew, which for a batch of
/// one costs a quarter of the time (ResNet-18 on 2 cores: 22.9 ms for the convolutions of an image, 17.4 ms packed).
class PackedConv2dImpl : public torch::nn::Conv2dImpl {
 public:
  /// conv's own weights, shared. shape: [1,C,H,W], of what it will get. packed: what oneDNN made of them.
  PackedConv2dImpl(const Conv2dImpl& conv, std::vector<std::int64_t> shape, c10::IValue packed);

  /// The bits of the convolution that it was made of. One image of the shape, where nobody wants gradients, is computed
  /// with the packed weights, everything else as usual. Several threads may call it.
  torch::Tensor forward(const torch::Tensor& x);

 private:
  std::vector<std::int64_t> shape_;
  c10::IValue packed_;
};

/// conv(x), also where it has been packed: the forward of LibTorch's modules is not virtual.
torch::Tensor convolve(torch::nn::Conv2d& conv, const torch::Tensor& x);

/// Packs the convolutions that LibTorch computes by oneDNN for one image of px x px pixels: those with more than 20,480
/// input numbers (ConvParams::use_mkldnn in ATen/native/Convolution.cpp). The state stays the same; memory grows by the
/// weights of these layers. Nothing is packed unless the weights are float32 on the CPU and LibTorch has oneDNN, nor
/// where the network takes no images of that size. Call it when everything else has been done to the weights, in eval
/// mode, after which they must not change.
void pack_convolutions(Classifier& classifier, std::int64_t px);

}  // namespace margay::model
