#include "margay/model/backbone/squeezenet.h"

#include <memory>

#include <ATen/ops/cat.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/backbone/layers.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/network_draws.h"

namespace margay::model {
namespace {

constexpr std::size_t kSqueezeNetStemLayers = 3;  // convolution, rectifier, pooling
constexpr std::size_t kEarlySqueezeLayers = 5;    // fastai's

torch::nn::Conv2d make_biased(const torch::nn::Conv2dOptions& options) {
  torch::nn::Conv2d conv(options);
  torch::nn::init::kaiming_uniform_(conv->weight);
  torch::nn::init::zeros_(conv->bias);
  return conv;
}

torch::nn::MaxPool2d make_squeeze_pooling() {
  return torch::nn::MaxPool2d(torch::nn::MaxPool2dOptions(3).stride(2).ceil_mode(true));
}

void append_stem(torch::nn::Sequential& features, const torch::nn::Conv2dOptions& convolution) {
  features->push_back(make_biased(convolution));
  features->push_back(make_rectifier());
  features->push_back(make_squeeze_pooling());
}

void append_fire(torch::nn::Sequential& features, std::int64_t in_channels, std::int64_t squeeze, std::int64_t expand) {
  features->push_back(std::make_shared<Fire>(in_channels, squeeze, expand));
}

/// The paper's table 1.
torch::nn::Sequential make_features_1_0(std::int64_t in_channels) {
  torch::nn::Sequential features;
  append_stem(features, torch::nn::Conv2dOptions(in_channels, 96, 7).stride(2));
  append_fire(features, 96, 16, 64);
  append_fire(features, 128, 16, 64);
  append_fire(features, 128, 32, 128);
  features->push_back(make_squeeze_pooling());
  append_fire(features, 256, 32, 128);
  append_fire(features, 256, 48, 192);
  append_fire(features, 384, 48, 192);
  append_fire(features, 384, 64, 256);
  features->push_back(make_squeeze_pooling());
  append_fire(features, 512, 64, 256);
  return features;
}

torch::nn::Sequential make_features_1_1(std::int64_t in_channels) {
  torch::nn::Sequential features;
  append_stem(features, torch::nn::Conv2dOptions(in_channels, 64, 3).stride(2));
  append_fire(features, 64, 16, 64);
  append_fire(features, 128, 16, 64);
  features->push_back(make_squeeze_pooling());
  append_fire(features, 128, 32, 128);
  append_fire(features, 256, 32, 128);
  features->push_back(make_squeeze_pooling());
  append_fire(features, 256, 48, 192);
  append_fire(features, 384, 48, 192);
  append_fire(features, 384, 64, 256);
  append_fire(features, 512, 64, 256);
  return features;
}

}  // namespace

Fire::Fire(std::int64_t in_channels, std::int64_t squeeze, std::int64_t expand)
    : squeeze_(make_biased(torch::nn::Conv2dOptions(in_channels, squeeze, 1))),
      expand1x1_(make_biased(torch::nn::Conv2dOptions(squeeze, expand, 1))),
      expand3x3_(make_biased(torch::nn::Conv2dOptions(squeeze, expand, 3).padding(1))) {
  register_module("squeeze", squeeze_);
  register_module("expand1x1", expand1x1_);
  register_module("expand3x3", expand3x3_);
}

torch::Tensor Fire::forward(const torch::Tensor& x) {
  const torch::Tensor squeezed = squeeze_(x).relu_();
  return at::cat({expand1x1_(squeezed).relu_(), expand3x3_(squeezed).relu_()}, 1);
}

ValueId Fire::describe(GraphBuilder& graph, ValueId x) {
  const ValueId squeezed = graph.relu(graph.layer(x, *squeeze_));
  const ValueId narrow = graph.relu(graph.layer(squeezed, *expand1x1_));
  const ValueId wide = graph.relu(graph.layer(squeezed, *expand3x3_));
  return graph.step(op::Concat{1}, {narrow, wide});
}

SqueezeNet::SqueezeNet(SqueezeNetVersion version, const BackboneOptions& options)
    : features_(version == SqueezeNetVersion::k1_0 ? make_features_1_0(options.in_channels)
                                                   : make_features_1_1(options.in_channels)),
      first_px_(version == SqueezeNetVersion::k1_0 ? 17.5 : 15.5) {
  register_module("features", features_);
}

std::vector<Segment> SqueezeNet::segments() {
  std::vector<Segment> segments{slice_layers(features_, 0, kSqueezeNetStemLayers)};
  for (std::size_t i = kSqueezeNetStemLayers; i < features_->size(); ++i)
    segments.push_back(slice_layers(features_, i, i + 1));
  return segments;
}

ValueId SqueezeNet::describe(GraphBuilder& graph, ValueId images) { return graph.layer(images, *features_); }

std::vector<Backbone::Stage> SqueezeNet::stages() {
  std::vector<Stage> stages;
  for (Segment& segment : segments()) {
    const std::size_t layer = stages.size() + kSqueezeNetStemLayers - 1;
    stages.push_back({stages.empty() ? "stem" : "features." + std::to_string(layer), std::move(segment.run)});
  }
  return stages;
}

torch::nn::Sequential SqueezeNet::make_published_head(std::int64_t num_classes) const {
  const torch::nn::Conv2d classes = make_biased(torch::nn::Conv2dOptions(features(), num_classes, 1));
  torch::nn::init::normal_(classes->weight, 0, 0.01);
  const NestedSequential classifier(Dropout(0.5), classes, make_rectifier(), torch::nn::AdaptiveAvgPool2d(1));
  return torch::nn::Sequential({{"classifier", classifier}, {"flatten", torch::nn::Flatten()}});
}

std::vector<std::string> SqueezeNet::early_children() const {
  std::vector<std::string> children;
  for (std::size_t i = 0; i < kEarlySqueezeLayers; ++i) children.push_back("features." + std::to_string(i));
  return children;
}

}  // namespace margay::model
