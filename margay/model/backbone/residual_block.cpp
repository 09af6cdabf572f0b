#include "margay/model/backbone/residual_block.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

namespace margay::model {
namespace {

/// The layers of the shortcut; null where the block keeps the shape. Numbered as the publishers': timm's pooled one has
/// an idle first layer where nothing is to be pooled.
torch::nn::Sequential make_downsample(const BlockPlace& place) {
  if (place.stride == 1 && place.in_channels == place.out_channels) return nullptr;
  torch::nn::Sequential layers;
  const bool is_pooled = place.shortcut == Shortcut::kPooled;
  if (is_pooled && place.stride == 1) layers->push_back(torch::nn::Identity());
  if (is_pooled && place.stride != 1) {
    layers->push_back(
        torch::nn::AvgPool2d(torch::nn::AvgPool2dOptions(2).stride(2).ceil_mode(true).count_include_pad(false)));
  }
  layers->push_back(make_conv(place.in_channels, place.out_channels, 1, is_pooled ? 1 : place.stride));
  layers->push_back(torch::nn::BatchNorm2d(place.out_channels));
  return layers;
}

torch::Tensor add_and_rectify(torch::Tensor residual, const torch::Tensor& x, torch::nn::Sequential& downsample) {
  return residual.add_(downsample ? downsample->forward(x) : x).relu_();
}

}  // namespace

torch::nn::Conv2d make_conv(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_px,
                            std::int64_t stride, std::int64_t groups) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in_channels, out_channels, kernel_px)
                               .stride(stride)
                               .padding(kernel_px / 2)
                               .groups(groups)
                               .bias(false));
}

BasicBlock::BasicBlock(const BlockPlace& place)
    : conv1_(make_conv(place.in_channels, place.width, 3, place.stride)),
      conv2_(make_conv(place.width, place.out_channels, 3)),
      bn1_(place.width),
      bn2_(place.out_channels),
      downsample_(make_downsample(place)) {
  register_module("conv1", conv1_);
  register_module("bn1", bn1_);
  register_module("conv2", conv2_);
  register_module("bn2", bn2_);
  if (downsample_) register_module("downsample", downsample_);
}

torch::Tensor BasicBlock::forward(const torch::Tensor& x) {
  torch::Tensor y = bn1_(conv1_(x)).relu_();
  y = bn2_(conv2_(y));
  return add_and_rectify(y, x, downsample_);
}

void BasicBlock::start_as_shortcut() { torch::nn::init::zeros_(bn2_->weight); }

Bottleneck::Bottleneck(const BlockPlace& place)
    : conv1_(make_conv(place.in_channels, place.width, 1)),
      conv2_(make_conv(place.width, place.width, 3, place.stride, place.groups)),
      conv3_(make_conv(place.width, place.out_channels, 1)),
      bn1_(place.width),
      bn2_(place.width),
      bn3_(place.out_channels),
      downsample_(make_downsample(place)) {
  register_module("conv1", conv1_);
  register_module("bn1", bn1_);
  register_module("conv2", conv2_);
  register_module("bn2", bn2_);
  register_module("conv3", conv3_);
  register_module("bn3", bn3_);
  if (downsample_) register_module("downsample", downsample_);
}

torch::Tensor Bottleneck::forward(const torch::Tensor& x) {
  torch::Tensor y = bn1_(conv1_(x)).relu_();
  y = bn2_(conv2_(y)).relu_();
  y = bn3_(conv3_(y));
  return add_and_rectify(y, x, downsample_);
}

void Bottleneck::start_as_shortcut() { torch::nn::init::zeros_(bn3_->weight); }

}  // namespace margay::model
