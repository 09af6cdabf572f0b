#include "margay/model/backbone/resnet.h"

#include <memory>
#include <utility>

#include <torch/nn/init.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/core/error.h"
#include "margay/model/fused/batch_norm.h"
#include "margay/model/fused/max_pool.h"
#include "margay/model/fused/synced_batch_norm.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/packed_convolution.h"

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
  layers->push_back(SyncedNorm2d(place.out_channels));
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

ValueId describe_shortcut(GraphBuilder& graph, ValueId x, torch::nn::Sequential& downsample) {
  return downsample ? graph.layer(x, *downsample) : x;
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
  const torch::Tensor y = batch_norm_relu(convolve(conv1_, x), bn1_);
  return batch_norm_relu(convolve(conv2_, y), bn2_, shortcut(x, downsample_));
}

void BasicBlock::start_as_shortcut() { torch::nn::init::zeros_(bn2_->weight); }

ValueId BasicBlock::describe(GraphBuilder& graph, ValueId x) {
  const ValueId y = graph.batch_norm_relu(graph.convolution(x, conv1_), bn1_);
  const ValueId residual = describe_shortcut(graph, x, downsample_);
  return graph.batch_norm_relu(graph.convolution(y, conv2_), bn2_, residual);
}

Bottleneck::Bottleneck(const BlockPlace& place)
    : conv1_(make_conv(place.in_channels, place.width, 1, place.strides_first ? place.stride : 1)),
      conv2_(make_conv(place.width, place.width, 3, place.strides_first ? 1 : place.stride, place.groups)),
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
  torch::Tensor y = batch_norm_relu(convolve(conv1_, x), bn1_);
  y = batch_norm_relu(convolve(conv2_, y), bn2_);
  return batch_norm_relu(convolve(conv3_, y), bn3_, shortcut(x, downsample_));
}

void Bottleneck::start_as_shortcut() { torch::nn::init::zeros_(bn3_->weight); }

ValueId Bottleneck::describe(GraphBuilder& graph, ValueId x) {
  ValueId y = graph.batch_norm_relu(graph.convolution(x, conv1_), bn1_);
  y = graph.batch_norm_relu(graph.convolution(y, conv2_), bn2_);
  const ValueId residual = describe_shortcut(graph, x, downsample_);
  return graph.batch_norm_relu(graph.convolution(y, conv3_), bn3_, residual);
}

namespace {

using Stem = ResNetShape::Stem;

std::string layer_name(std::size_t index) { return "layer" + std::to_string(index + 1); }

template <class Block>
torch::nn::Sequential make_blocks(BlockPlace place, std::int64_t blocks) {
  torch::nn::Sequential layer;
  for (std::int64_t i = 0; i < blocks; ++i) {
    layer->push_back(std::make_shared<Block>(place));
    place.in_channels = place.out_channels;
    place.stride = 1;
  }
  return layer;
}

constexpr std::int64_t kBottleneckExpansion = 4;  // of a bottleneck, from the width of its stage to its output

/// Three 3x3 convolutions, of which the first halves the image and the last doubles the channels. bn1 follows.
NestedSequential make_deep_convolution(std::int64_t in_channels, std::int64_t width) {
  const std::int64_t half = width / 2;
  return NestedSequential(make_conv(in_channels, half, 3, 2), SyncedNorm2d(half), make_rectifier(),
                          make_conv(half, half, 3), SyncedNorm2d(half), make_rectifier(), make_conv(half, width, 3));
}

}  // namespace

ResNet::ResNet(const ResNetShape& shape, const BackboneOptions& options)
    : shape_(shape),
      strides_first_(options.arithmetic == Arithmetic::kCaffe),
      channels_(shape.width),
      bn1_(shape.width) {
  MARGAY_CHECK(shape.early_stages < shape.blocks.size(), "a network needs early and late stages");
  if (shape.stem == Stem::kDeep) {
    deep_conv1_ = register_module("conv1", make_deep_convolution(options.in_channels, shape.width));
  } else {
    conv1_ =
        register_module("conv1", make_conv(options.in_channels, shape.width, shape.stem == Stem::kLarge ? 7 : 3, 2));
  }
  register_module("bn1", bn1_);
  std::int64_t width = shape.width;
  for (const std::int64_t blocks : shape.blocks) {
    layers_.push_back(make_layer(width, blocks, layers_.empty() ? 1 : 2));
    register_module(layer_name(layers_.size() - 1), layers_.back());
    width *= 2;
  }
  initialise();
}

torch::nn::Sequential ResNet::make_layer(std::int64_t width, std::int64_t blocks, std::int64_t stride) {
  const bool is_basic = shape_.block == ResNetShape::Block::kBasic;
  const BlockPlace place{.in_channels = channels_,
                         .width = is_basic ? width : width * shape_.group_width / 64 * shape_.groups,
                         .out_channels = is_basic ? width : width * kBottleneckExpansion,
                         .stride = stride,
                         .groups = shape_.groups,
                         .shortcut = shape_.shortcut,
                         .strides_first = strides_first_};
  channels_ = place.out_channels;
  return is_basic ? make_blocks<BasicBlock>(place, blocks) : make_blocks<Bottleneck>(place, blocks);
}

/// He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015: std = sqrt(2 / (out_channels * kernel area)).
void ResNet::initialise() {
  const bool are_shortcuts = shape_.start == ResNetShape::Start::kShortcut;
  for (const auto& each : modules(/*include_self=*/false)) {
    auto* conv = each->as<torch::nn::Conv2d>();
    if (conv != nullptr) torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
    if (auto* block = each->as<BasicBlock>(); block != nullptr && are_shortcuts) block->start_as_shortcut();
    if (auto* block = each->as<Bottleneck>(); block != nullptr && are_shortcuts) block->start_as_shortcut();
  }
}

torch::Tensor ResNet::run_stem(const torch::Tensor& images) {
  torch::Tensor x = conv1_ ? convolve(conv1_, images) : deep_conv1_(images);
  x = batch_norm_relu(std::move(x), bn1_);  // [N,width,H/2,W/2]
  return shape_.stem == Stem::kSmall ? x : max_pool_3x3(x);
}

ValueId ResNet::describe(GraphBuilder& graph, ValueId images) {
  ValueId x = conv1_ ? graph.convolution(images, conv1_) : graph.layer(images, *deep_conv1_);
  x = graph.batch_norm_relu(x, bn1_);
  if (shape_.stem != Stem::kSmall) {
    x = graph.step(op::Pool{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, {x}, Storage::kNew, "max_pool_3x3");
  }
  for (torch::nn::Sequential& layer : layers_) x = graph.layer(x, *layer);
  return x;
}

std::vector<Backbone::Stage> ResNet::stages() {
  std::vector<Stage> stages{{"stem", [this](torch::Tensor images) { return run_stem(images); }}};
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    stages.push_back({layer_name(i), [this, i](torch::Tensor x) { return layers_[i]->forward(x); }});
  }
  return stages;
}

std::vector<Segment> ResNet::segments() {
  const auto self = std::static_pointer_cast<ResNet>(shared_from_this());
  Segment stem{[self](const torch::Tensor& images) { return self->run_stem(images); }, {named_children()["conv1"]}};
  if (bn1_) stem.modules.push_back(bn1_.ptr());  // else it has been folded
  std::vector<Segment> segments{stem};
  for (const torch::nn::Sequential& layer : layers_) {
    for (const torch::nn::AnyModule& block : *layer) {
      segments.push_back({[run = block](const torch::Tensor& x) mutable { return run.forward(x); }, {block.ptr()}});
    }
  }
  return segments;
}

torch::nn::Sequential ResNet::make_published_head(std::int64_t num_classes) const {
  return torch::nn::Sequential({{"avgpool", torch::nn::AdaptiveAvgPool2d(1)},
                                {"flatten", torch::nn::Flatten()},
                                {"fc", torch::nn::Linear(channels_, num_classes)}});
}

std::int64_t ResNet::stride() const {
  const std::int64_t stem = shape_.stem == Stem::kSmall ? 2 : 4;
  return stem << (layers_.size() - 1);
}

MapGrid ResNet::map_grid(std::int64_t side_px) const {
  MapGrid grid = Backbone::map_grid(side_px);
  if (shape_.shortcut != Shortcut::kPooled) return grid;
  const double stem_px = grid.step_px / static_cast<double>(std::int64_t{1} << (layers_.size() - 1));
  grid.first_px += (grid.step_px - stem_px) / 4;  // shortcuts alone would move it by half of that difference
  return grid;
}

std::vector<std::string> ResNet::early_children() const {
  std::vector<std::string> children{"conv1", "bn1"};
  for (std::size_t i = 0; i < shape_.early_stages; ++i) children.push_back(layer_name(i));
  return children;
}

}  // namespace margay::model
