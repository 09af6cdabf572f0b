#include "margay/model/backbone/densenet.h"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/backbone/layers.h"
#include "margay/model/backbone/resnet.h"
#include "margay/model/fused/batch_norm.h"
#include "margay/model/fused/synced_batch_norm.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/packed_convolution.h"

namespace margay::model {
namespace {

constexpr std::int64_t kBottleneck = 4;  // widths of the 3x3 convolution's input, in growths

}  // namespace

DenseLayer::DenseLayer(std::int64_t in_channels, std::int64_t growth)
    : norm1_(in_channels),
      norm2_(kBottleneck * growth),
      conv1_(make_conv(in_channels, kBottleneck * growth, 1)),
      conv2_(make_conv(kBottleneck * growth, growth, 3)) {
  register_module("norm1", norm1_);
  register_module("conv1", conv1_);
  register_module("norm2", norm2_);
  register_module("conv2", conv2_);
}

torch::Tensor DenseLayer::forward(const torch::Tensor& x) {
  return convolve(conv2_, batch_norm_relu(convolve(conv1_, batch_norm_relu(x, norm1_)), norm2_));
}

ValueId DenseLayer::describe(GraphBuilder& graph, ValueId x) {
  const ValueId narrow = graph.convolution(graph.batch_norm_relu(x, norm1_), conv1_);
  return graph.convolution(graph.batch_norm_relu(narrow, norm2_), conv2_);
}

DenseBlock::DenseBlock(std::int64_t in_channels, std::int64_t layers, std::int64_t growth) {
  for (std::int64_t i = 0; i < layers; ++i) {
    layers_.push_back(std::make_shared<DenseLayer>(in_channels + i * growth, growth));
    register_module("denselayer" + std::to_string(i + 1), layers_.back());
  }
}

torch::Tensor DenseBlock::forward(const torch::Tensor& x) {
  torch::Tensor found = x;
  for (const std::shared_ptr<DenseLayer>& layer : layers_) found = at::cat({found, layer->forward(found)}, 1);
  return found;
}

ValueId DenseBlock::describe(GraphBuilder& graph, ValueId x) {
  for (const std::shared_ptr<DenseLayer>& layer : layers_) x = graph.step(op::Concat{1}, {x, graph.layer(x, *layer)});
  return x;
}

DenseTransition::DenseTransition(std::int64_t in_channels)
    : norm_(in_channels), conv_(make_conv(in_channels, in_channels / 2, 1)) {
  register_module("norm", norm_);
  register_module("conv", conv_);
}

torch::Tensor DenseTransition::forward(const torch::Tensor& x) {
  return at::avg_pool2d(convolve(conv_, batch_norm_relu(x, norm_)), {2, 2}, {2, 2});
}

ValueId DenseTransition::describe(GraphBuilder& graph, ValueId x) {
  const ValueId y = graph.convolution(graph.batch_norm_relu(x, norm_), conv_);
  return graph.step(op::Pool{.of = op::Pool::Of::kMean, .kernel = {2, 2}, .stride = {2, 2}}, {y});
}

namespace {

constexpr std::size_t kDenseNetStemLayers = 4;  // convolution, batch norm, rectifier, pooling
constexpr std::size_t kTailLayers = 2;          // batch norm, rectifier

}  // namespace

DenseNet::DenseNet(const DenseNetShape& shape, const BackboneOptions& options)
    : channels_(shape.stem), blocks_(shape.blocks.size()) {
  append_stem(options.in_channels);
  append_blocks(shape);
  features_->push_back("norm5", SyncedNorm2d(channels_));
  features_->push_back("relu5", make_rectifier());
  register_module("features", features_);
  for (const auto& each : modules(/*include_self=*/false)) {
    if (auto* conv = each->as<torch::nn::Conv2d>()) torch::nn::init::kaiming_normal_(conv->weight);
  }
}

void DenseNet::append_stem(std::int64_t in_channels) {
  features_->push_back("conv0", make_conv(in_channels, channels_, 7, 2));
  features_->push_back("norm0", SyncedNorm2d(channels_));
  features_->push_back("relu0", make_rectifier());
  features_->push_back("pool0", torch::nn::MaxPool2d(torch::nn::MaxPool2dOptions(3).stride(2).padding(1)));
}

void DenseNet::append_blocks(const DenseNetShape& shape) {
  for (std::size_t i = 0; i < blocks_; ++i) {
    const std::string number = std::to_string(i + 1);
    features_->push_back("denseblock" + number, std::make_shared<DenseBlock>(channels_, shape.blocks[i], shape.growth));
    channels_ += shape.blocks[i] * shape.growth;
    if (i + 1 == blocks_) return;
    features_->push_back("transition" + number, std::make_shared<DenseTransition>(channels_));
    channels_ /= 2;
  }
}

std::vector<Segment> DenseNet::segments() {
  std::vector<Segment> segments{slice_layers(features_, 0, kDenseNetStemLayers)};
  const std::size_t tail = features_->size() - kTailLayers;
  for (std::size_t i = kDenseNetStemLayers; i < tail; ++i) segments.push_back(slice_layers(features_, i, i + 1));
  segments.push_back(slice_layers(features_, tail, features_->size()));
  return segments;
}

ValueId DenseNet::describe(GraphBuilder& graph, ValueId images) { return graph.layer(images, *features_); }

std::vector<Backbone::Stage> DenseNet::stages() {
  std::vector<std::string> names;
  for (const auto& child : features_->named_children()) names.push_back(child.key());
  std::vector<Stage> stages;
  for (Segment& segment : segments()) {
    const std::size_t layer = kDenseNetStemLayers - 1 + stages.size();
    stages.push_back({stages.empty() ? "stem" : names[layer], std::move(segment.run)});
  }
  return stages;
}

torch::nn::Sequential DenseNet::make_published_head(std::int64_t num_classes) const {
  torch::nn::Linear classifier(channels_, num_classes);
  torch::nn::init::zeros_(classifier->bias);
  return torch::nn::Sequential(
      {{"avgpool", torch::nn::AdaptiveAvgPool2d(1)}, {"flatten", torch::nn::Flatten()}, {"classifier", classifier}});
}

std::vector<std::string> DenseNet::early_children() const {
  return {"features.conv0", "features.norm0", "features.denseblock1", "features.transition1", "features.denseblock2"};
}

}  // namespace margay::model
