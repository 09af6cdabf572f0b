#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include "margay/model/backbone/layers.h"
#include "margay/model/graph/layer.h"

namespace margay::model {

enum class Activation { kNone, kRelu, kRelu6, kHardswish, kSilu, kGelu };

/// x may be changed. Returns its shape and layout.
torch::Tensor activate(torch::Tensor x, Activation activation);

/// The same as a layer of a Sequential.
class ActivationLayerImpl : public torch::nn::Module, public DescribedLayer {
 public:
  explicit ActivationLayerImpl(Activation activation) : activation_(activation) {}
  torch::Tensor forward(torch::Tensor x) { return activate(std::move(x), activation_); }
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  Activation activation_;
};
TORCH_MODULE(ActivationLayer);

/// Batch norm's eps and momentum; LibTorch's unless a paper says otherwise.
struct NormOptions {
  double eps = 1e-5;
  double momentum = 0.1;
};

torch::nn::BatchNorm2d make_norm(std::int64_t channels, const NormOptions& options);

/// Where a strided convolution pads. With stride 1 both are the same.
enum class Padding {
  kEven,        ///< as much before the image as behind it, half of the kernel
  kTensorFlow,  ///< as little as the result's size needs, the odd pixel behind: TensorFlow's "SAME"
};

struct ConvNormOptions {
  std::int64_t in_channels;
  std::int64_t out_channels;
  std::int64_t kernel_px = 1;  ///< odd
  std::int64_t stride = 1;
  std::int64_t groups = 1;  ///< in_channels: depthwise
  Activation activation = Activation::kNone;
  NormOptions norm = {};
  Padding padding = Padding::kEven;
  const char* conv_name = "0";  ///< of the convolution, within the layer
  const char* norm_name = "1";
};

/// What TensorFlow's "SAME" adds to a side of `size` pixels, before and behind it.
std::pair<std::int64_t, std::int64_t> same_padding(std::int64_t size, std::int64_t kernel_px, std::int64_t stride);

/// A convolution without bias ("0"), batch norm ("1") and an activation: torchvision's Conv2dNormActivation. Other
/// publishers call the two otherwise (ConvNormOptions).
/// [N,in_channels,H,W] -> [N,out_channels,H/stride,W/stride], rounded up.
class ConvNormImpl : public torch::nn::Module, public DescribedLayer {
 public:
  explicit ConvNormImpl(const ConvNormOptions& options);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

  /// For networks that register the two beside each other instead of the layer itself.
  const torch::nn::Conv2d& conv() const { return conv_; }
  const torch::nn::BatchNorm2d& norm() const { return norm_; }

 private:
  torch::Tensor padded(const torch::Tensor& x) const;
  ValueId describe_padding(GraphBuilder& graph, ValueId x) const;

  torch::nn::Conv2d conv_;
  torch::nn::BatchNorm2d norm_;
  Activation activation_;
  std::int64_t kernel_px_, stride_;
  bool pads_itself_;  ///< the convolution cannot: it pads both sides alike
};
TORCH_MODULE(ConvNorm);

/// He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015, over all convolutions in the module: normal with
/// std = sqrt(2 / (out_channels * kernel area)), also where they have groups; biases 0.
void initialise_for_rectifiers(torch::nn::Module& module);

/// The function that turns the excitation into a factor of 0 … 1.
enum class Gate { kSigmoid, kHardsigmoid };

struct SqueezeExcitationOptions {
  std::int64_t channels;
  std::int64_t squeezed;  ///< channels between the two layers
  Activation activation = Activation::kRelu;
  Gate gate = Gate::kSigmoid;
};

/// Weights every channel by a function of the means of all channels: Hu, Shen, Albanie, Sun, Wu,
/// "Squeeze-and-Excitation Networks", arXiv:1709.01507, equations 2 to 4. Layers "fc1" and "fc2". [N,C,H,W] -> the
/// same.
class SqueezeExcitationImpl : public torch::nn::Module, public DescribedLayer {
 public:
  explicit SqueezeExcitationImpl(const SqueezeExcitationOptions& options);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  torch::nn::Conv2d fc1_, fc2_;
  Activation activation_;
  Gate gate_;
};
TORCH_MODULE(SqueezeExcitation);

struct InvertedResidualOptions {
  std::int64_t in_channels;
  std::int64_t expanded;  ///< channels of the depthwise convolution
  std::int64_t out_channels;
  std::int64_t kernel_px = 3;
  std::int64_t stride = 1;
  Activation activation = Activation::kRelu;
  std::int64_t squeezed = 0;  ///< channels within squeeze-and-excitation; 0: none
  Activation squeeze_activation = Activation::kRelu;
  Gate gate = Gate::kSigmoid;
  NormOptions norm = {};
  Padding padding = Padding::kEven;
  double drop = 0;  ///< stochastic depth, 0 … 1
};

/// Widens a narrow layer, filters it channel by channel, reweights and narrows it again, and adds the input where
/// shapes allow: the block of MobileNetV3 (arXiv:1905.02244, figure 4) and EfficientNet (MBConv). [N,in_channels,H,W]
/// -> [N,out_channels,H/stride,W/stride]. Layers "block.0", "block.1" …; the widening is left out where expanded =
/// in_channels.
class InvertedResidualImpl : public torch::nn::Module, public DescribedLayer {
 public:
  explicit InvertedResidualImpl(const InvertedResidualOptions& options);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  bool is_residual_;
  NestedSequential block_;
  StochasticDepth depth_;
};
TORCH_MODULE(InvertedResidual);

/// The nearest multiple of 8, at least 8 and not more than a tenth below: how Google's networks scale their widths.
inline std::int64_t round_channels(double channels) {
  constexpr std::int64_t kStep = 8;
  const std::int64_t nearest = static_cast<std::int64_t>(channels + kStep / 2.0) / kStep * kStep;
  const std::int64_t rounded = std::max(kStep, nearest);
  return static_cast<double>(rounded) < 0.9 * channels ? rounded + kStep : rounded;
}

}  // namespace margay::model
