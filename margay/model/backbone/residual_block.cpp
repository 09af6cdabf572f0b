#include "margay/model/backbone/residual_block.h"

#include <cstddef>
#include <memory>
#include <utility>

#include <torch/nn/init.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/fused/batch_norm.h"

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

/// What is added to the block's own result. [N,in_channels,H,W] -> [N,out_channels,H/stride,W/stride].
torch::Tensor shortcut(torch::Tensor x, torch::nn::Sequential& downsample) {
  if (!downsample) return x;
  const std::size_t norm_index = downsample->size() - 1;
  for (std::size_t i = 0; i < norm_index; ++i) x = (downsample->begin() + static_cast<std::ptrdiff_t>(i))->forward(x);
  torch::nn::BatchNorm2d norm(std::dynamic_pointer_cast<torch::nn::BatchNorm2dImpl>(downsample->ptr(norm_index)));
  return batch_norm(std::move(x), norm);  // folded: the last layer is no norm any more
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
  const torch::Tensor y = batch_norm_relu(conv1_(x), bn1_);
  return batch_norm_relu(conv2_(y), bn2_, shortcut(x, downsample_));
}

void BasicBlock::start_as_shortcut() { torch::nn::init::zeros_(bn2_->weight); }

std::vector<ConvNormPair> BasicBlock::conv_norms() { return {{conv1_, bn1_}, {conv2_, bn2_}}; }

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
  torch::Tensor y = batch_norm_relu(conv1_(x), bn1_);
  y = batch_norm_relu(conv2_(y), bn2_);
  return batch_norm_relu(conv3_(y), bn3_, shortcut(x, downsample_));
}

void Bottleneck::start_as_shortcut() { torch::nn::init::zeros_(bn3_->weight); }

std::vector<ConvNormPair> Bottleneck::conv_norms() { return {{conv1_, bn1_}, {conv2_, bn2_}, {conv3_, bn3_}}; }

}  // namespace margay::model
