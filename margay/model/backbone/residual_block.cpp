#include "margay/model/backbone/residual_block.h"

namespace margay::model {
namespace {

/// What brings the input to the block's output shape; null where it has that shape already.
torch::nn::Sequential make_downsample(const BlockPlace& place, std::int64_t out_channels) {
  if (place.stride == 1 && place.in_channels == out_channels) return nullptr;
  return torch::nn::Sequential(make_conv(place.in_channels, out_channels, 1, place.stride),
                               torch::nn::BatchNorm2d(out_channels));
}

torch::Tensor add_and_rectify(torch::Tensor residual, const torch::Tensor& x, torch::nn::Sequential& downsample) {
  return residual.add_(downsample ? downsample->forward(x) : x).relu_();
}

}  // namespace

torch::nn::Conv2d make_conv(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_px,
                            std::int64_t stride) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in_channels, out_channels, kernel_px).stride(stride).padding(kernel_px / 2).bias(false));
}

BasicBlock::BasicBlock(const BlockPlace& place)
    : conv1_(make_conv(place.in_channels, place.width, 3, place.stride)),
      conv2_(make_conv(place.width, place.width, 3)),
      bn1_(place.width),
      bn2_(place.width),
      downsample_(make_downsample(place, place.width)) {
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

Bottleneck::Bottleneck(const BlockPlace& place)
    : conv1_(make_conv(place.in_channels, place.width, 1)),
      conv2_(make_conv(place.width, place.width, 3, place.stride)),
      conv3_(make_conv(place.width, place.width * kExpansion, 1)),
      bn1_(place.width),
      bn2_(place.width),
      bn3_(place.width * kExpansion),
      downsample_(make_downsample(place, place.width * kExpansion)) {
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

}  // namespace margay::model
