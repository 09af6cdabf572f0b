#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include "margay/model/conv_norm_pair.h"

namespace margay::model {

enum class Activation { kNone, kRelu, kRelu6, kHardswish, kSilu };

/// x may be changed. Returns its shape and layout.
torch::Tensor activate(torch::Tensor x, Activation activation);

/// Batch norm's eps and momentum; LibTorch's unless a paper says otherwise.
struct NormOptions {
  double eps = 1e-5;
  double momentum = 0.1;
};

torch::nn::BatchNorm2d make_norm(std::int64_t channels, const NormOptions& options);

struct ConvNormOptions {
  std::int64_t in_channels;
  std::int64_t out_channels;
  std::int64_t kernel_px = 1;  ///< odd
  std::int64_t stride = 1;
  std::int64_t groups = 1;  ///< in_channels: depthwise
  Activation activation = Activation::kNone;
  NormOptions norm = {};
};

/// A convolution without bias ("0"), batch norm ("1") and an activation: torchvision's Conv2dNormActivation.
/// [N,in_channels,H,W] -> [N,out_channels,H/stride,W/stride], rounded up.
class ConvNormImpl : public torch::nn::Module, public HasConvNorms {
 public:
  explicit ConvNormImpl(const ConvNormOptions& options);
  torch::Tensor forward(const torch::Tensor& x);
  std::vector<ConvNormPair> conv_norms() override { return {{conv_, norm_}}; }

 private:
  torch::nn::Conv2d conv_;
  torch::nn::BatchNorm2d norm_;
  Activation activation_;
};
TORCH_MODULE(ConvNorm);

/// He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015, over all convolutions in the module: normal with
/// std = sqrt(2 / (out_channels * kernel area)), also where they have groups; biases 0.
void initialise_for_rectifiers(torch::nn::Module& module);

}  // namespace margay::model
