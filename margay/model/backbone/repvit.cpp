#include "margay/model/backbone/repvit.h"

#include <ATen/ops/full.h>
#include <fmt/format.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/backbone/inverted_residual.h"
#include "margay/model/fused/batch_norm.h"
#include "margay/model/fused/synced_batch_norm.h"
#include "margay/model/graph/graph_builder.h"

namespace margay::model {
namespace {

/// Under timm's names.
ConvNorm make_repvit_conv(ConvNormOptions options) {
  options.conv_name = "c";
  options.norm_name = "bn";
  return ConvNorm(options);
}

/// Sees neighbours, channel by channel: norm(norm(3x3(x)) + 1x1(x) + x). [N,C,H,W] -> the same.
class TokenMixerImpl : public torch::nn::Module, public DescribedLayer {
 public:
  explicit TokenMixerImpl(std::int64_t channels)
      : conv_(
            make_repvit_conv({.in_channels = channels, .out_channels = channels, .kernel_px = 3, .groups = channels})),
        conv1_(torch::nn::Conv2dOptions(channels, channels, 1).groups(channels)),
        norm_(make_norm(channels, {})) {
    register_module("conv", conv_);
    register_module("conv1", conv1_);
    register_module("bn", norm_);
  }

  torch::Tensor forward(const torch::Tensor& x) { return batch_norm(conv_(x) + conv1_(x) + x, norm_); }

  ValueId describe(GraphBuilder& graph, ValueId x) override {
    const ValueId sum = graph.step(op::Add{}, {graph.layer(x, *conv_), graph.convolution(x, conv1_)});
    return graph.batch_norm(graph.step(op::Add{}, {sum, x}), norm_);
  }

 private:
  ConvNorm conv_;
  torch::nn::Conv2d conv1_;
  torch::nn::BatchNorm2d norm_;
};
TORCH_MODULE(TokenMixer);

/// Mixes channels, place by place: x + norm(1x1(gelu(norm(1x1(x))))), twice as wide inside. It begins as x.
class ChannelMixerImpl : public torch::nn::Module, public DescribedLayer {
 public:
  explicit ChannelMixerImpl(std::int64_t channels)
      : conv1_(
            make_repvit_conv({.in_channels = channels, .out_channels = 2 * channels, .activation = Activation::kGelu})),
        conv2_(make_repvit_conv({.in_channels = 2 * channels, .out_channels = channels})) {
    register_module("conv1", conv1_);
    register_module("conv2", conv2_);
    torch::nn::init::zeros_(conv2_->norm()->weight);
  }

  torch::Tensor forward(const torch::Tensor& x) { return conv2_(conv1_(x)) + x; }

  ValueId describe(GraphBuilder& graph, ValueId x) override {
    return graph.step(op::Add{}, {graph.layer(graph.layer(x, *conv1_), *conv2_), x});
  }

 private:
  ConvNorm conv1_, conv2_;
};
TORCH_MODULE(ChannelMixer);

enum class RepViTSqueeze { kWithout, kWith };

/// Figure 2 d: token mixer, squeeze-and-excitation in every other block, channel mixer.
NestedSequential make_repvit_block(std::int64_t channels, RepViTSqueeze squeeze) {
  NestedSequential block;
  block->push_back("token_mixer", TokenMixer(channels));
  if (squeeze == RepViTSqueeze::kWith) {
    block->push_back("se", SqueezeExcitation(SqueezeExcitationOptions{
                               .channels = channels, .squeezed = round_channels(static_cast<double>(channels) / 4)}));
  }
  block->push_back("channel_mixer", ChannelMixer(channels));
  return block;
}

/// Figure 5 d: a block, a depthwise 3x3 with stride 2, a 1x1 that widens, a channel mixer.
NestedSequential make_repvit_downsample(std::int64_t channels, std::int64_t out_channels) {
  NestedSequential layers;
  layers->push_back("pre_block", make_repvit_block(channels, RepViTSqueeze::kWithout));
  layers->push_back(
      "spatial_downsample",
      make_repvit_conv(
          {.in_channels = channels, .out_channels = channels, .kernel_px = 3, .stride = 2, .groups = channels}));
  layers->push_back("channel_downsample", make_repvit_conv({.in_channels = channels, .out_channels = out_channels}));
  layers->push_back("ffn", ChannelMixer(out_channels));
  return layers;
}

NestedSequential make_repvit_stem(std::int64_t in_channels, std::int64_t width) {
  NestedSequential stem;
  stem->push_back("conv1", make_repvit_conv({.in_channels = in_channels,
                                             .out_channels = width / 2,
                                             .kernel_px = 3,
                                             .stride = 2,
                                             .activation = Activation::kGelu}));
  stem->push_back("conv2",
                  make_repvit_conv({.in_channels = width / 2, .out_channels = width, .kernel_px = 3, .stride = 2}));
  return stem;
}

NestedSequential make_norm_linear(std::int64_t features, std::int64_t classes) {
  torch::nn::Linear linear(features, classes);
  torch::nn::init::normal_(linear->weight, 0, 0.02);
  torch::nn::init::zeros_(linear->bias);
  NestedSequential layers;
  layers->push_back("bn", SyncedNorm1d(features));
  layers->push_back("l", linear);
  return layers;
}

/// The mean of two classifiers, of the labels ("head") and of the teacher ("head_dist"). [N,D] -> [N,K].
class DistilledClassifierImpl : public torch::nn::Module, public DescribedLayer {
 public:
  DistilledClassifierImpl(std::int64_t features, std::int64_t classes)
      : head_(make_norm_linear(features, classes)), distilled_(make_norm_linear(features, classes)) {
    register_module("head", head_);
    register_module("head_dist", distilled_);
  }

  torch::Tensor forward(const torch::Tensor& x) { return (head_(x) + distilled_(x)) * 0.5; }

  ValueId describe(GraphBuilder& graph, ValueId x) override {
    const ValueId sum = graph.step(op::Add{}, {graph.layer(x, *head_), graph.layer(x, *distilled_)});
    return graph.step(op::Multiply{}, {sum, graph.constant("half", at::full({}, 0.5))});
  }

 private:
  NestedSequential head_, distilled_;
};
TORCH_MODULE(DistilledClassifier);

}  // namespace

RepViT::RepViT(const RepViTShape& shape, const BackboneOptions& options) : FeatureStack(Names::kOwn) {
  std::int64_t channels = shape.width;
  append_at("stem", make_repvit_stem(options.in_channels, channels));
  for (std::size_t i = 0; i < shape.blocks.size(); ++i) {
    const std::string stage = fmt::format("stages.{}", i);
    if (i > 0) {
      append_at(stage + ".downsample", make_repvit_downsample(channels, 2 * channels));
      channels *= 2;
    }
    NestedSequential blocks;
    for (std::int64_t j = 0; j < shape.blocks[i]; ++j) {
      blocks->push_back(make_repvit_block(channels, j % 2 == 0 ? RepViTSqueeze::kWith : RepViTSqueeze::kWithout));
    }
    append_blocks_at(stage + ".blocks", blocks);
  }
  set_features(channels);
}

torch::nn::Sequential RepViT::make_published_head(std::int64_t num_classes) const {
  return torch::nn::Sequential({{"avgpool", torch::nn::AdaptiveAvgPool2d(1)},
                                {"flatten", torch::nn::Flatten()},
                                {"head", DistilledClassifier(features(), num_classes)}});
}

}  // namespace margay::model
