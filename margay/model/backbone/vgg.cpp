#include "margay/model/backbone/vgg.h"

#include <algorithm>

#include <torch/nn/init.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/backbone/layers.h"
#include "margay/model/fused/synced_batch_norm.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/network_draws.h"

namespace margay::model {
namespace {

constexpr std::size_t kEarlyVggLayers = 22;  // fastai's
constexpr std::int64_t kPooledSide = 7;      // of what the linear layers take
constexpr std::int64_t kHidden = 4096;

}  // namespace

Vgg::Vgg(const VggShape& shape, const BackboneOptions& options) : shape_(shape) {
  std::int64_t channels = options.in_channels;
  for (const std::vector<std::int64_t>& block : shape.blocks) {
    for (const std::int64_t width : block) {
      append_convolution(channels, width);
      channels = width;
    }
    features_->push_back(torch::nn::MaxPool2d(2));
    block_ends_.push_back(features_->size());
  }
  register_module("features", features_);
}

void Vgg::append_convolution(std::int64_t in_channels, std::int64_t out_channels) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in_channels, out_channels, 3).padding(1));
  torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
  torch::nn::init::zeros_(conv->bias);
  features_->push_back(conv);
  if (shape_.norm == VggShape::Norm::kBatch) features_->push_back(SyncedNorm2d(out_channels));
  features_->push_back(make_rectifier());
}

std::vector<Segment> Vgg::segments() {
  std::vector<Segment> segments;
  std::size_t begin = 0;
  for (const std::size_t end : block_ends_) {
    segments.push_back(slice_layers(features_, begin, end));
    begin = end;
  }
  return segments;
}

ValueId Vgg::describe(GraphBuilder& graph, ValueId images) { return graph.layer(images, *features_); }

std::vector<Backbone::Stage> Vgg::stages() {
  std::vector<Stage> stages;
  for (Segment& segment : segments()) {
    stages.push_back({"block" + std::to_string(stages.size() + 1), std::move(segment.run)});
  }
  return stages;
}

torch::nn::Sequential Vgg::make_published_head(std::int64_t num_classes) const {
  const NestedSequential classifier(make_published_linear(features() * kPooledSide * kPooledSide, kHidden),
                                    make_rectifier(), Dropout(0.5), make_published_linear(kHidden, kHidden),
                                    make_rectifier(), Dropout(0.5), make_published_linear(kHidden, num_classes));
  return torch::nn::Sequential({{"avgpool", torch::nn::AdaptiveAvgPool2d(kPooledSide)},
                                {"flatten", torch::nn::Flatten()},
                                {"classifier", classifier}});
}

std::vector<std::string> Vgg::early_children() const {
  std::vector<std::string> children;
  for (std::size_t i = 0; i < std::min(kEarlyVggLayers, features_->size()); ++i) {
    children.push_back("features." + std::to_string(i));
  }
  return children;
}

}  // namespace margay::model
