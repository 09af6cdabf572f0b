#include "margay/model/backbone/mobilenet.h"

#include <cmath>

#include <fmt/format.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/backbone/inverted_residual.h"
#include "margay/model/fused/batch_norm.h"
#include "margay/model/fused/synced_batch_norm.h"
#include "margay/model/graph/graph_builder.h"

namespace margay::model {
namespace {

constexpr std::int64_t kHiddenOfV4 = 1280;

/// A layer of the tables.
struct V4Row {
  enum class Kind { kConv, kFused, kUniversal };
  Kind kind;
  std::int64_t start_px;   ///< of the first depthwise convolution; 0: none
  std::int64_t middle_px;  ///< of the second, or of a convolution
  std::int64_t stride;
  std::int64_t expansion;
  std::int64_t channels;
  std::int64_t times = 1;
};
using V4Stage = std::vector<V4Row>;

V4Row conv_row(std::int64_t px, std::int64_t stride, std::int64_t channels) {
  return {V4Row::Kind::kConv, 0, px, stride, 1, channels};
}

/// Fused inverted bottleneck: 3x3 with stride 2, four times as wide.
V4Row fused_row(std::int64_t channels) { return {V4Row::Kind::kFused, 0, 3, 2, 4, channels}; }

struct Kernels {
  std::int64_t start, middle;
};

/// The first of a stage halves the image.
V4Row first_row(const Kernels& px, std::int64_t expansion, std::int64_t channels) {
  return {V4Row::Kind::kUniversal, px.start, px.middle, 2, expansion, channels};
}

V4Row row(const Kernels& px, std::int64_t expansion, std::int64_t channels, std::int64_t times = 1) {
  return {V4Row::Kind::kUniversal, px.start, px.middle, 1, expansion, channels, times};
}

/// Table 11. {5,5}: ExtraDW, {0,3}: inverted bottleneck, {3,0}: ConvNext-like, {0,0}: feed-forward.
std::vector<V4Stage> small_stages() {
  return {{conv_row(3, 2, 32), conv_row(1, 1, 32)},
          {conv_row(3, 2, 96), conv_row(1, 1, 64)},
          {first_row({5, 5}, 3, 96), row({0, 3}, 2, 96, 4), row({3, 0}, 4, 96)},
          {first_row({3, 3}, 6, 128), row({5, 5}, 4, 128), row({0, 5}, 4, 128), row({0, 5}, 3, 128),
           row({0, 3}, 4, 128, 2)},
          {conv_row(1, 1, 960)}};
}

/// Table 12.
std::vector<V4Stage> medium_stages() {
  return {{fused_row(48)},
          {first_row({3, 5}, 4, 80), row({3, 3}, 2, 80)},
          {first_row({3, 5}, 6, 160), row({3, 3}, 4, 160, 2), row({3, 5}, 4, 160), row({3, 3}, 4, 160),
           row({3, 0}, 4, 160), row({0, 0}, 2, 160), row({3, 0}, 4, 160)},
          {first_row({5, 5}, 6, 256), row({5, 5}, 4, 256), row({3, 5}, 4, 256, 2), row({0, 0}, 4, 256),
           row({3, 0}, 4, 256), row({3, 5}, 2, 256), row({5, 5}, 4, 256), row({0, 0}, 4, 256, 2), row({5, 0}, 2, 256)},
          {conv_row(1, 1, 960)}};
}

/// Table 13.
std::vector<V4Stage> large_stages() {
  return {{fused_row(48)},
          {first_row({3, 5}, 4, 96), row({3, 3}, 4, 96)},
          {first_row({3, 5}, 4, 192), row({3, 3}, 4, 192, 3), row({3, 5}, 4, 192), row({5, 3}, 4, 192, 5),
           row({3, 0}, 4, 192)},
          {first_row({5, 5}, 4, 512), row({5, 5}, 4, 512, 3), row({5, 0}, 4, 512), row({5, 3}, 4, 512),
           row({5, 0}, 4, 512, 2), row({5, 3}, 4, 512), row({5, 5}, 4, 512), row({5, 0}, 4, 512, 3)},
          {conv_row(1, 1, 960)}};
}

std::vector<V4Stage> v4_stages(MobileNetV4Size size) {
  if (size == MobileNetV4Size::kSmall) return small_stages();
  return size == MobileNetV4Size::kMedium ? medium_stages() : large_stages();
}

/// The fused inverted bottleneck: a 3x3 convolution widens, a 1x1 narrows. Layers "conv_exp", "bn1", "conv_pwl",
/// "bn2".
class FusedBottleneckImpl : public torch::nn::Module, public DescribedLayer {
 public:
  FusedBottleneckImpl(std::int64_t in_channels, const V4Row& row)
      : widen_(torch::nn::Conv2dOptions(in_channels, in_channels * row.expansion, row.middle_px)
                   .stride(row.stride)
                   .padding(row.middle_px / 2)
                   .bias(false)),
        norm1_(make_norm(in_channels * row.expansion, {})),
        narrow_(torch::nn::Conv2dOptions(in_channels * row.expansion, row.channels, 1).bias(false)),
        norm2_(make_norm(row.channels, {})) {
    register_module("conv_exp", widen_);
    register_module("bn1", norm1_);
    register_module("conv_pwl", narrow_);
    register_module("bn2", norm2_);
  }

  torch::Tensor forward(const torch::Tensor& x) {
    return batch_norm(narrow_(batch_norm_relu(widen_(x), norm1_)), norm2_);
  }

  ValueId describe(GraphBuilder& graph, ValueId x) override {
    const ValueId wide = graph.batch_norm_relu(graph.convolution(x, widen_), norm1_);
    return graph.batch_norm(graph.convolution(wide, narrow_), norm2_);
  }

 private:
  torch::nn::Conv2d widen_;
  torch::nn::BatchNorm2d norm1_;
  torch::nn::Conv2d narrow_;
  torch::nn::BatchNorm2d norm2_;
};
TORCH_MODULE(FusedBottleneck);

/// Figure 4: an optional depthwise convolution, a 1x1 that widens, another optional depthwise one, a 1x1 that narrows;
/// added to the input where shapes allow. Layers "dw_start", "pw_exp", "dw_mid", "pw_proj", each "conv" and "bn".
class UniversalBottleneckImpl : public torch::nn::Module, public DescribedLayer {
 public:
  UniversalBottleneckImpl(std::int64_t in_channels, const V4Row& row)
      : is_residual_(row.stride == 1 && in_channels == row.channels) {
    const std::int64_t width = in_channels * row.expansion;
    if (row.start_px > 0) {
      const std::int64_t stride = row.middle_px > 0 ? 1 : row.stride;
      add("dw_start", {.in_channels = in_channels,
                       .out_channels = in_channels,
                       .kernel_px = row.start_px,
                       .stride = stride,
                       .groups = in_channels});
    }
    add("pw_exp", {.in_channels = in_channels, .out_channels = width, .activation = Activation::kRelu});
    if (row.middle_px > 0) {
      add("dw_mid", {.in_channels = width,
                     .out_channels = width,
                     .kernel_px = row.middle_px,
                     .stride = row.stride,
                     .groups = width,
                     .activation = Activation::kRelu});
    }
    add("pw_proj", {.in_channels = width, .out_channels = row.channels});
  }

  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor y = x;
    for (ConvNorm& layer : layers_) y = layer(y);
    return is_residual_ ? y.add_(x) : y;
  }

  ValueId describe(GraphBuilder& graph, ValueId x) override {
    ValueId y = x;
    for (ConvNorm& layer : layers_) y = graph.layer(y, *layer);
    return is_residual_ ? graph.step(op::Add{}, {y, x}, Storage::kOver) : y;
  }

 private:
  void add(const std::string& name, ConvNormOptions options) {
    options.conv_name = "conv";
    options.norm_name = "bn";
    layers_.push_back(register_module(name, ConvNorm(options)));
  }

  bool is_residual_;
  std::vector<ConvNorm> layers_;
};
TORCH_MODULE(UniversalBottleneck);

void push_block(NestedSequential& stage, std::int64_t in_channels, const V4Row& row) {
  if (row.kind == V4Row::Kind::kFused) {
    stage->push_back(FusedBottleneck(in_channels, row));
  } else if (row.kind == V4Row::Kind::kUniversal) {
    stage->push_back(UniversalBottleneck(in_channels, row));
  } else {
    stage->push_back(ConvNorm(ConvNormOptions{.in_channels = in_channels,
                                              .out_channels = row.channels,
                                              .kernel_px = row.middle_px,
                                              .stride = row.stride,
                                              .activation = Activation::kRelu,
                                              .conv_name = "conv",
                                              .norm_name = "bn1"}));
  }
}

/// timm's for Google's networks: normal with variance 2 / fan-out, of each group.
void initialise_v4(torch::nn::Module& module) {
  for (const auto& each : module.modules(/*include_self=*/false)) {
    auto* conv = each->as<torch::nn::Conv2d>();
    if (conv == nullptr) continue;
    const torch::Tensor& weight = conv->weight;
    const auto fan_out = static_cast<double>(weight.size(0) * weight.size(2) * weight.size(3) / conv->options.groups());
    torch::nn::init::normal_(weight, 0, std::sqrt(2 / fan_out));
  }
}

}  // namespace

MobileNetV4::MobileNetV4(MobileNetV4Size size, const BackboneOptions& options) : FeatureStack(Names::kOwn) {
  std::int64_t channels = size == MobileNetV4Size::kLarge ? 24 : 32;
  ConvNorm stem(ConvNormOptions{.in_channels = options.in_channels,
                                .out_channels = channels,
                                .kernel_px = 3,
                                .stride = 2,
                                .activation = Activation::kRelu});
  register_module("conv_stem", stem->conv());
  register_module("bn1", stem->norm());
  append_parts("stem", stem);
  int number = 0;
  for (const V4Stage& rows : v4_stages(size)) {
    NestedSequential stage;
    for (V4Row each : rows) {
      for (std::int64_t i = 0; i < each.times; ++i) {
        push_block(stage, channels, each);
        channels = each.channels;
      }
    }
    append_blocks_at(fmt::format("blocks.{}", number++), stage);
  }
  set_features(channels);
  initialise_v4(*this);
}

torch::nn::Sequential MobileNetV4::make_published_head(std::int64_t num_classes) const {
  const torch::nn::Linear classifier = make_uniform_linear(kHiddenOfV4, num_classes);
  torch::nn::Sequential head(
      {{"avgpool", torch::nn::AdaptiveAvgPool2d(1)},
       {"conv_head", torch::nn::Conv2d(torch::nn::Conv2dOptions(features(), kHiddenOfV4, 1).bias(false))},
       {"norm_head", SyncedNorm2d(kHiddenOfV4)},
       {"act", make_rectifier()},
       {"flatten", torch::nn::Flatten()},
       {"classifier", classifier}});
  initialise_v4(*head);
  return head;
}

}  // namespace margay::model
