#include "margay/model/backbone/swin.h"

#include <algorithm>
#include <numeric>

#include <torch/nn/init.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/pooling.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/torch_compat.h"

namespace margay::model {
namespace {

constexpr std::int64_t kSide = ShiftedWindowAttention::kWindow;
constexpr std::int64_t kPixels = kSide * kSide;     // T
constexpr std::int64_t kDistances = 2 * kSide - 1;  // -6 … 6
constexpr double kBiasSpread = 0.02;                // torchvision cuts at 2, so nothing is ever cut
constexpr double kUnseen = -100;                    // added to a logit: e^-100 of its weight is left

/// Whole numbers [T*T]: (vertical distance + 6) * 13 + horizontal distance + 6.
torch::Tensor make_position_index() {
  const torch::Tensor pixels = torch::arange(kPixels);
  const torch::Tensor rows = pixels.div(kSide, "floor");
  const torch::Tensor columns = pixels.remainder(kSide);
  const auto distances = [](const torch::Tensor& places) {
    return places.unsqueeze(1) - places.unsqueeze(0) + (kSide - 1);
  };
  return (distances(rows) * kDistances + distances(columns)).flatten();
}

std::int64_t missing_pixels(std::int64_t side) { return (kSide - side % kSide) % kSide; }

/// A single window needs no shift.
std::int64_t shift_for(std::int64_t side) { return side <= kSide ? 0 : kSide / 2; }

/// For each place along a side of the shifted image, whether it comes from before the last window (0), from it (1) or
/// from the other end of the image (2). Whole numbers [side].
torch::Tensor origins(std::int64_t side, std::int64_t shift, torch::Device device) {
  const torch::Tensor places = torch::arange(side, torch::TensorOptions(device));
  return places.ge(side - kSide).to(torch::kLong) + places.ge(side - shift).to(torch::kLong);
}

/// What keeps neighbours in a window of the shifted image apart that are none in the image: float [windows,1,T,T].
torch::Tensor shift_mask(std::int64_t height, std::int64_t width, const torch::TensorOptions& options) {
  const torch::Tensor rows = origins(height, shift_for(height), options.device());
  const torch::Tensor columns = origins(width, shift_for(width), options.device());
  const torch::Tensor regions = rows.unsqueeze(1) * 3 + columns;  // [H,W]
  const torch::Tensor windows =
      regions.view({height / kSide, kSide, width / kSide, kSide}).transpose(1, 2).reshape({-1, 1, kPixels});
  const torch::Tensor is_apart = windows.unsqueeze(3).ne(windows.unsqueeze(2));
  return is_apart.to(options).mul_(kUnseen);
}

}  // namespace

torch::Tensor with_border(const torch::Tensor& x, std::int64_t bottom, std::int64_t right) {
  if (bottom == 0 && right == 0) return x;  // constant_pad_nd would copy it
  return torch::constant_pad_nd(x, {0, 0, 0, right, 0, bottom});
}

namespace {

/// As with_border.
ValueId describe_border(GraphBuilder& graph, ValueId x, std::int64_t bottom, std::int64_t right) {
  if (bottom == 0 && right == 0) return x;
  return graph.step(op::Pad{.before = {0, 0, 0, 0}, .behind = {0, bottom, right, 0}}, {x});
}

}  // namespace

ShiftedWindowAttention::ShiftedWindowAttention(std::int64_t channels, std::int64_t heads, Windows windows)
    : heads_(heads), windows_(windows), qkv_(channels, 3 * channels), proj_(channels, channels) {
  register_module("qkv", qkv_);
  register_module("proj", proj_);
  bias_table_ = register_parameter("relative_position_bias_table", torch::empty({kDistances * kDistances, heads}));
  torch::nn::init::normal_(bias_table_, 0, kBiasSpread);
  position_index_ = register_buffer("relative_position_index", make_position_index());
}

torch::Tensor ShiftedWindowAttention::position_bias() const {
  const torch::Tensor index = position_index_.to(torch::kLong);  // Module::to(dtype) converts whole numbers too
  return bias_table_.index_select(0, index).t().reshape({heads_, kPixels, kPixels});
}

torch::Tensor ShiftedWindowAttention::attend(const torch::Tensor& x, const torch::Tensor& bias) {
  const std::int64_t images = x.size(0);
  const std::int64_t rows = x.size(1) / kSide;  // of windows
  const std::int64_t columns = x.size(2) / kSide;
  const std::int64_t width = x.size(3) / heads_;
  torch::Tensor qkv = qkv_(x.flatten(1, 2)).view({images, rows, kSide, columns, kSide, 3, heads_, width});
  // Pixels go into their windows and channels to their heads in one copy: [3,N,windows,heads,T,width].
  qkv = qkv.permute({5, 0, 1, 3, 6, 2, 4, 7}).reshape({3, images, rows * columns, heads_, kPixels, width});
  const auto parts = qkv.unbind(0);
  const torch::Tensor y = compat::attention(parts[0], parts[1], parts[2], bias);
  const torch::Tensor pixels =
      y.reshape({images, rows, columns, heads_, kSide, kSide, width}).permute({0, 1, 4, 2, 5, 3, 6});
  return proj_(pixels.reshape({images, -1, x.size(3)})).view(x.sizes());
}

torch::Tensor ShiftedWindowAttention::forward(const torch::Tensor& x) {
  const std::int64_t height = x.size(1);
  const std::int64_t width = x.size(2);
  torch::Tensor y = with_border(x, missing_pixels(height), missing_pixels(width));
  const std::int64_t down = windows_ == Windows::kShifted ? shift_for(y.size(1)) : 0;
  const std::int64_t right = windows_ == Windows::kShifted ? shift_for(y.size(2)) : 0;
  if (down + right > 0) {
    const torch::Tensor bias = position_bias() + shift_mask(y.size(1), y.size(2), x.options());  // [windows,heads,T,T]
    y = attend(y.roll({-down, -right}, {1, 2}), bias).roll({down, right}, {1, 2});
  } else {
    y = attend(y, position_bias());
  }
  return y.narrow(1, 0, height).narrow(2, 0, width);
}

ValueId ShiftedWindowAttention::describe_bias(GraphBuilder& graph) const {
  const ValueId table = graph.parameter(*this, "relative_position_bias_table");
  const bool is_whole = !position_index_.is_floating_point();  // Module::to(dtype) converts whole numbers too
  const ValueId index = is_whole ? graph.parameter(*this, "relative_position_index")
                                 : graph.constant("relative_position_index", position_index_.to(torch::kLong));
  const ValueId rows = graph.step(op::TakeRows{}, {table, index});
  return graph.reshape(graph.permute(rows, {1, 0}), {heads_, kPixels, kPixels});
}

ValueId ShiftedWindowAttention::describe_attention(GraphBuilder& graph, ValueId x, ValueId bias) {
  const Shape sizes = graph.shape(x);
  const std::int64_t rows = sizes[1] / kSide;  // of windows
  const std::int64_t columns = sizes[2] / kSide;
  const std::int64_t pixels = sizes[1] * sizes[2];
  const std::int64_t width = sizes[3] / heads_;
  ValueId qkv = graph.layer(graph.reshape(x, {kAnySize, pixels, sizes[3]}), *qkv_);
  qkv = graph.reshape(qkv, {kAnySize, rows, kSide, columns, kSide, 3, heads_, width});
  qkv = graph.permute(qkv, {5, 0, 1, 3, 6, 2, 4, 7});
  const Storage windows =
      columns > 1 ? Storage::kNew : Storage::kView;  // a single column keeps the order of its pixels
  qkv = graph.reshape(qkv, {3, kAnySize, rows * columns, heads_, kPixels, width}, windows);
  const auto part = [&](std::int64_t i) { return graph.unbind(qkv, i); };
  ValueId y = graph.attention(part(0), part(1), part(2), bias);
  y = graph.reshape(y, {kAnySize, rows, columns, heads_, kSide, kSide, width});
  y = graph.reshape(graph.permute(y, {0, 1, 4, 2, 5, 3, 6}), {kAnySize, pixels, sizes[3]}, Storage::kNew);
  return graph.reshape(graph.layer(y, *proj_), sizes);
}

ValueId ShiftedWindowAttention::describe(GraphBuilder& graph, ValueId x) {
  const std::int64_t height = graph.size(x, 1);
  const std::int64_t width = graph.size(x, 2);
  ValueId y = describe_border(graph, x, missing_pixels(height), missing_pixels(width));
  const std::int64_t down = windows_ == Windows::kShifted ? shift_for(graph.size(y, 1)) : 0;
  const std::int64_t right = windows_ == Windows::kShifted ? shift_for(graph.size(y, 2)) : 0;
  ValueId bias = describe_bias(graph);
  if (down + right > 0) {
    const auto options = torch::TensorOptions(bias_table_.device()).dtype(torch::kFloat);
    const torch::Tensor mask = shift_mask(graph.size(y, 1), graph.size(y, 2), options);
    bias = graph.step(op::Add{}, {bias, graph.constant("shift_mask", mask)});
    y = graph.step(op::Roll{{1, 2}, {-down, -right}}, {y});
  }
  y = describe_attention(graph, y, bias);
  if (down + right > 0) y = graph.step(op::Roll{{1, 2}, {down, right}}, {y});
  if (graph.size(y, 1) != height) y = graph.step(op::Slice{1, 0, height}, {y}, Storage::kView);
  if (graph.size(y, 2) != width) y = graph.step(op::Slice{2, 0, width}, {y}, Storage::kView);
  return y;
}

namespace {

namespace init = torch::nn::init;
using Windows = ShiftedWindowAttention::Windows;

constexpr std::int64_t kPatch = 4;          // pixels along each side
constexpr std::int64_t kSwinExpansion = 4;  // of the perceptron's hidden layer
constexpr double kSwinSpread = 0.02;        // torchvision cuts at 2, so nothing is ever cut

torch::nn::LayerNorm make_norm(std::int64_t channels) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({channels}));
}

/// [N,C,H,W] -> [N,H,W,C]; at least float32, also behind a convolution under autocast, as what branches are added to.
class PixelRowsImpl : public torch::nn::Module, public DescribedLayer {
 public:
  torch::Tensor forward(const torch::Tensor& x) {
    return x.permute({0, 2, 3, 1}).to(torch::promote_types(x.scalar_type(), torch::kFloat));
  }
  ValueId describe(GraphBuilder& graph, ValueId x) override { return graph.permute(x, {0, 2, 3, 1}); }
};
TORCH_MODULE(PixelRows);

torch::nn::Sequential make_swin_patches(std::int64_t in_channels, std::int64_t width) {
  return torch::nn::Sequential(torch::nn::Conv2d(torch::nn::Conv2dOptions(in_channels, width, kPatch).stride(kPatch)),
                               PixelRows(), make_norm(width));
}

/// As torchvision's, which has dropouts of nothing at 2 and 4.
torch::nn::Sequential make_perceptron(std::int64_t channels) {
  return torch::nn::Sequential({{"0", torch::nn::Linear(channels, kSwinExpansion * channels)},
                                {"1", torch::nn::GELU()},
                                {"3", torch::nn::Linear(kSwinExpansion * channels, channels)}});
}

void initialise_linear_layers(torch::nn::Module& module) {
  for (const auto& each : module.modules(/*include_self=*/false)) {
    auto* linear = each->as<torch::nn::Linear>();
    if (linear == nullptr) continue;
    init::normal_(linear->weight, 0, kSwinSpread);
    if (linear->bias.defined()) init::zeros_(linear->bias);
  }
}

std::int64_t last_channels(const SwinShape& shape) {
  MARGAY_CHECK(!shape.blocks.empty() && shape.blocks.size() == shape.heads.size(), "every stage has blocks and heads");
  return shape.width << (shape.blocks.size() - 1);
}

template <class Module>
Segment segment_of(const std::shared_ptr<Module>& module) {
  return {[module](const torch::Tensor& x) { return module->forward(x); }, {module}};
}

/// [N,h,w,D] -> [N,D,h,w], which is channels-last in memory.
torch::Tensor run_norm(torch::nn::LayerNorm norm, const torch::Tensor& x) { return norm(x).permute({0, 3, 1, 2}); }

}  // namespace

SwinBlock::SwinBlock(std::int64_t channels, std::int64_t heads, Windows windows, double dropped)
    : norm1_(make_norm(channels)),
      norm2_(make_norm(channels)),
      attn_(std::make_shared<ShiftedWindowAttention>(channels, heads, windows)),
      mlp_(make_perceptron(channels)),
      stochastic_depth_(dropped) {
  register_module("norm1", norm1_);
  register_module("attn", attn_);
  register_module("stochastic_depth", stochastic_depth_);
  register_module("norm2", norm2_);
  register_module("mlp", mlp_);
}

torch::Tensor SwinBlock::forward(const torch::Tensor& x) {
  const torch::Tensor y = x + stochastic_depth_(attn_->forward(norm1_(x)));
  return y + stochastic_depth_(mlp_->forward(norm2_(y)));
}

ValueId SwinBlock::describe(GraphBuilder& graph, ValueId x) {
  const auto add = [&](ValueId sum, ValueId branch) {
    return graph.step(op::Add{}, {sum, graph.layer(branch, *stochastic_depth_)});
  };
  const ValueId y = add(x, graph.layer(graph.layer(x, *norm1_), *attn_));
  return add(y, graph.layer(graph.layer(y, *norm2_), *mlp_));
}

PatchMerging::PatchMerging(std::int64_t channels)
    : norm_(make_norm(4 * channels)), reduction_(torch::nn::LinearOptions(4 * channels, 2 * channels).bias(false)) {
  register_module("reduction", reduction_);
  register_module("norm", norm_);
}

torch::Tensor PatchMerging::forward(const torch::Tensor& x) {
  const torch::Tensor even = with_border(x, x.size(1) % 2, x.size(2) % 2);
  const std::int64_t height = even.size(1) / 2;
  const std::int64_t width = even.size(2) / 2;
  // Of the four pixels, the lower left comes second, as in the published code.
  const torch::Tensor merged = even.reshape({x.size(0), height, 2, width, 2, x.size(3)}).permute({0, 1, 3, 4, 2, 5});
  const torch::Tensor y = reduction_(norm_(merged.reshape({x.size(0), height, width, 4 * x.size(3)})));
  return y.to(x.scalar_type());  // autocast would go on with bfloat16
}

ValueId PatchMerging::describe(GraphBuilder& graph, ValueId x) {
  const ValueId even = describe_border(graph, x, graph.size(x, 1) % 2, graph.size(x, 2) % 2);
  const std::int64_t height = graph.size(even, 1) / 2;
  const std::int64_t width = graph.size(even, 2) / 2;
  const std::int64_t channels = graph.size(even, 3);
  ValueId y = graph.reshape(even, {kAnySize, height, 2, width, 2, channels});
  y = graph.reshape(graph.permute(y, {0, 1, 3, 4, 2, 5}), {kAnySize, height, width, 4 * channels}, Storage::kNew);
  return graph.layer(graph.layer(y, *norm_), *reduction_);
}

Swin::Swin(const SwinShape& shape, const BackboneOptions& options)
    : channels_(last_channels(shape)), norm_(make_norm(channels_)) {
  torch::nn::ModuleList features;
  const torch::nn::Sequential patches = make_swin_patches(options.in_channels, shape.width);
  features->push_back(patches);
  layers_.push_back({segment_of(patches.ptr())});
  for (std::size_t stage = 0; stage < shape.blocks.size(); ++stage) {
    if (stage > 0) {
      const auto merging = std::make_shared<PatchMerging>(shape.width << (stage - 1));
      features->push_back(merging);
      layers_.push_back({segment_of(merging)});
    }
    features->push_back(make_stage(shape, stage));
  }
  register_module("features", features);
  register_module("norm", norm_);
  initialise_linear_layers(*this);
}

torch::nn::Sequential Swin::make_stage(const SwinShape& shape, std::size_t stage) {
  const auto before =
      std::accumulate(shape.blocks.begin(), shape.blocks.begin() + static_cast<std::ptrdiff_t>(stage), std::int64_t{0});
  const auto all = std::accumulate(shape.blocks.begin(), shape.blocks.end(), std::int64_t{0});
  torch::nn::Sequential blocks;
  layers_.emplace_back();
  for (std::int64_t i = 0; i < shape.blocks[stage]; ++i) {
    const double depth = static_cast<double>(before + i) / static_cast<double>(std::max<std::int64_t>(all - 1, 1));
    const auto block =
        std::make_shared<SwinBlock>(shape.width << stage, shape.heads[stage],
                                    i % 2 == 0 ? Windows::kPlain : Windows::kShifted, shape.stochastic_depth * depth);
    blocks->push_back(block);
    layers_.back().push_back(segment_of(block));
  }
  return blocks;
}

std::vector<Backbone::Stage> Swin::stages() {
  std::vector<Stage> stages;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    stages.push_back({"features." + std::to_string(i), [this, i](torch::Tensor x) {
                        for (const Segment& each : layers_[i]) x = each.run(x);
                        return x;
                      }});
  }
  stages.push_back({"norm", [this](const torch::Tensor& x) { return run_norm(norm_, x); }});
  return stages;
}

std::vector<Segment> Swin::segments() {
  std::vector<Segment> segments;
  for (const auto& layer : layers_) segments.insert(segments.end(), layer.begin(), layer.end());
  segments.push_back({[norm = norm_](const torch::Tensor& x) { return run_norm(norm, x); }, {norm_.ptr()}});
  return segments;
}

ValueId Swin::describe(GraphBuilder& graph, ValueId images) {
  ValueId x = images;
  for (const auto& layer : layers_) {
    for (const Segment& part : layer) x = graph.layer(x, *part.modules.front());
  }
  return graph.permute(graph.layer(x, *norm_), {0, 3, 1, 2});
}

torch::nn::Sequential Swin::make_published_head(std::int64_t num_classes) const {
  const torch::nn::Sequential head({{"avgpool", torch::nn::AdaptiveAvgPool2d(1)},
                                    {"flatten", torch::nn::Flatten()},
                                    {"head", torch::nn::Linear(channels_, num_classes)}});
  initialise_linear_layers(*head.ptr());
  return head;
}

std::int64_t Swin::stride() const {
  const std::size_t mergings = layers_.size() / 2 - 1;
  return kPatch << mergings;
}

void Swin::adapt_published(TensorMap& published) const {
  for (const auto& each : named_buffers()) published[each.key()] = each.value();
}

}  // namespace margay::model
