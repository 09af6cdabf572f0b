#include "margay/model/backbone/densenet.h"

#include <memory>

#include <torch/nn/init.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/backbone/dense_block.h"
#include "margay/model/backbone/layer_slice.h"
#include "margay/model/backbone/rectifier.h"
#include "margay/model/backbone/residual_block.h"

namespace margay::model {
namespace {

constexpr std::size_t kDenseNetStemLayers = 4;  // convolution, batch norm, rectifier, pooling
constexpr std::size_t kTailLayers = 2;          // batch norm, rectifier

}  // namespace

DenseNet::DenseNet(const DenseNetShape& shape, const BackboneOptions& options)
    : channels_(shape.stem), blocks_(shape.blocks.size()) {
  append_stem(options.in_channels);
  append_blocks(shape);
  features_->push_back("norm5", torch::nn::BatchNorm2d(channels_));
  features_->push_back("relu5", make_rectifier());
  register_module("features", features_);
  for (const auto& each : modules(/*include_self=*/false)) {
    if (auto* conv = each->as<torch::nn::Conv2d>()) torch::nn::init::kaiming_normal_(conv->weight);
  }
}

void DenseNet::append_stem(std::int64_t in_channels) {
  features_->push_back("conv0", make_conv(in_channels, channels_, 7, 2));
  features_->push_back("norm0", torch::nn::BatchNorm2d(channels_));
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
