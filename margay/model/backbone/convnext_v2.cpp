#include "margay/model/backbone/convnext_v2.h"

#include <cmath>
#include <memory>
#include <numeric>

#include <ATen/Parallel.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "margay/model/fused/activations.h"
#include "margay/model/fused/channel_passes.h"
#include "margay/model/fused/recorded.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/packed_convolution.h"

namespace margay::model {
namespace {

constexpr double kResponseEps = 1e-6;
constexpr double kV2NormEps = 1e-6;

std::vector<float> values_of(const torch::Tensor& channels) {
  const torch::Tensor values = channels.to(at::kFloat).contiguous();
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

/// GlobalResponseNorm over one image's own memory: channels-last [1,C,H,W].
void respond_in_place(const torch::Tensor& image, const std::vector<float>& weight, const std::vector<float>& bias) {
  const auto [means, variances] = fused::mean_and_variance(image);
  const auto pixels = static_cast<double>(image.size(2) * image.size(3));
  std::vector<double> norms(weight.size());
  for (std::size_t c = 0; c < norms.size(); ++c) {
    norms[c] = std::sqrt(pixels * (variances[c] + means[c] * means[c]));
  }
  const double mean = std::accumulate(norms.begin(), norms.end(), 0.0) / static_cast<double>(norms.size());
  std::vector<float> scale(weight.size());
  for (std::size_t c = 0; c < norms.size(); ++c) {
    scale[c] = static_cast<float>(1 + static_cast<double>(weight[c]) * norms[c] / (mean + kResponseEps));
  }
  fused::normalise(image, torch::Tensor(), {scale, bias}, fused::Kept::kAll, image);
}

/// The same for each of several: channels-last [N,C,H,W].
void respond_in_each(const torch::Tensor& images, const std::vector<float>& weight, const std::vector<float>& bias) {
  at::parallel_for(0, images.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) respond_in_place(images.narrow(0, i, 1), weight, bias);
  });
}

}  // namespace

GlobalResponseNormImpl::GlobalResponseNormImpl(std::int64_t channels)
    : weight_(register_parameter("weight", at::zeros({channels}))),
      bias_(register_parameter("bias", at::zeros({channels}))) {}

torch::Tensor GlobalResponseNormImpl::forward(torch::Tensor x) {
  if (!torch::GradMode::is_enabled() && fused::is_ours_alone(x)) {
    const torch::Tensor images = x.permute({0, 3, 1, 2});
    if (fused::is_fusable(images)) {
      return fused::recorded<3>("margay::response_norm", {x, weight_, bias_}, [&] {
        respond_in_each(images, values_of(weight_), values_of(bias_));
        return x;
      });
    }
  }
  const bool is_double = x.scalar_type() == at::kDouble;
  const torch::Tensor norms =
      at::linalg_vector_norm(x, 2, {1, 2}, /*keepdim=*/true, is_double ? at::kDouble : at::kFloat);  // [N,1,1,C]
  const torch::Tensor factor = 1 + weight_ * (norms / (norms.mean(-1, /*keepdim=*/true) + kResponseEps));
  return at::addcmul(bias_.to(x.scalar_type()), x, factor.to(x.scalar_type()));
}

ValueId GlobalResponseNormImpl::describe(GraphBuilder& graph, ValueId x) {
  return graph.step(op::ResponseNorm{kResponseEps},
                    {x, graph.parameter(*this, "weight"), graph.parameter(*this, "bias")});
}

namespace {

/// Figure 5, right: depthwise 7x7, layer norm, a layer four times as wide with GELU and response normalisation, added
/// to the input. [N,C,H,W] -> the same.
class ConvNextV2BlockImpl : public torch::nn::Module, public DescribedLayer {
 public:
  ConvNextV2BlockImpl(std::int64_t channels, double drop)
      : depthwise_(torch::nn::Conv2dOptions(channels, channels, 7).padding(3).groups(channels)),
        norm_(channels, kV2NormEps),
        widen_(channels, 4 * channels),
        response_(4 * channels),
        narrow_(4 * channels, channels),
        depth_(drop) {
    register_module("conv_dw", depthwise_);
    register_module("norm", norm_);
    const auto mlp = register_module("mlp", std::make_shared<torch::nn::Module>());
    mlp->register_module("fc1", widen_);
    mlp->register_module("grn", response_);
    mlp->register_module("fc2", narrow_);
    register_module("drop_path", depth_);
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor y = norm_(convolve(depthwise_, x)).permute({0, 2, 3, 1});  // [N,H,W,C]
    return depth_(narrow_(response_(apply_gelu(widen_(y)))).permute({0, 3, 1, 2})) + x;
  }

  ValueId describe(GraphBuilder& graph, ValueId x) override {
    ValueId y = graph.permute(graph.layer(graph.layer(x, *depthwise_), *norm_), {0, 2, 3, 1});
    y = graph.activation(graph.layer(y, *widen_), op::Activation::Function::kGelu);
    y = graph.permute(graph.layer(graph.layer(y, *response_), *narrow_), {0, 3, 1, 2});
    return graph.step(op::Add{}, {graph.layer(y, *depth_), x});
  }

 private:
  torch::nn::Conv2d depthwise_;
  ChannelNorm norm_;
  torch::nn::Linear widen_;
  GlobalResponseNorm response_;
  torch::nn::Linear narrow_;
  StochasticDepth depth_;
};
TORCH_MODULE(ConvNextV2Block);

torch::nn::Conv2d make_v2_patches(std::int64_t in_channels, std::int64_t out_channels, std::int64_t px) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in_channels, out_channels, px).stride(px));
}

void initialise_v2(torch::nn::Module& module) {
  constexpr double kStd = 0.02;
  const auto start = [](const torch::Tensor& weight, torch::Tensor& bias) {
    torch::nn::init::normal_(weight, 0, kStd);
    torch::nn::init::zeros_(bias);
  };
  for (const auto& each : module.modules(/*include_self=*/false)) {
    if (auto* conv = each->as<torch::nn::Conv2d>()) start(conv->weight, conv->bias);
    if (auto* linear = each->as<torch::nn::Linear>()) start(linear->weight, linear->bias);
  }
}

}  // namespace

ConvNextV2::ConvNextV2(const ConvNextShape& shape, const BackboneOptions& options) : FeatureStack(Names::kOwn) {
  std::int64_t channels = shape.width;
  append_at("stem",
            NestedSequential(make_v2_patches(options.in_channels, channels, 4), ChannelNorm(channels, kV2NormEps)));
  const std::int64_t last = std::accumulate(shape.blocks.begin(), shape.blocks.end(), std::int64_t{-1});
  std::int64_t number = 0;
  for (std::size_t i = 0; i < shape.blocks.size(); ++i) {
    const std::string stage = fmt::format("stages.{}", i);
    if (i > 0) {
      append_at(stage + ".downsample",
                NestedSequential(ChannelNorm(channels, kV2NormEps), make_v2_patches(channels, 2 * channels, 2)));
      channels *= 2;
    }
    NestedSequential blocks;
    for (std::int64_t j = 0; j < shape.blocks[i]; ++j) {
      const double drop = shape.max_drop * static_cast<double>(number++) / static_cast<double>(last);
      blocks->push_back(ConvNextV2Block(channels, drop));
    }
    append_blocks_at(stage + ".blocks", blocks);
  }
  set_features(channels);
  initialise_v2(*this);
}

torch::nn::Sequential ConvNextV2::make_published_head(std::int64_t num_classes) const {
  NestedSequential head;
  head->push_back("norm", ChannelNorm(features(), kV2NormEps));
  head->push_back("flatten", torch::nn::Flatten());
  head->push_back("fc", torch::nn::Linear(features(), num_classes));
  initialise_v2(*head);
  return torch::nn::Sequential({{"avgpool", torch::nn::AdaptiveAvgPool2d(1)}, {"head", head}});
}

}  // namespace margay::model
