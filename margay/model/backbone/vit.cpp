#include "margay/model/backbone/vit.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/nn/functional/upsampling.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/fused/activations.h"
#include "margay/model/graph/graph_builder.h"
#include "margay/model/torch_compat.h"

namespace margay::model {
namespace {

std::int64_t side_of(const at::Tensor& positions, std::int64_t tokens) {
  return std::lround(std::sqrt(static_cast<double>(positions.size(1) - tokens)));
}

}  // namespace

bool has_square_grid(const at::Tensor& positions, std::int64_t tokens) {
  if (!positions.is_floating_point() || positions.dim() != 3 || positions.size(0) != 1) return false;
  const std::int64_t side = positions.size(1) > tokens ? side_of(positions, tokens) : 0;
  return side > 0 && tokens + side * side == positions.size(1);
}

at::Tensor resample_positions(const at::Tensor& positions, std::int64_t side, std::int64_t tokens) {
  namespace functional = torch::nn::functional;
  if (!has_square_grid(positions, tokens)) {
    throw std::invalid_argument(fmt::format("[resample_positions] positions must be float [1,{}+g*g,D], got {}", tokens,
                                            positions.sizes().vec()));
  }
  const std::int64_t old_side = side_of(positions, tokens);
  const std::int64_t features = positions.size(2);
  at::Tensor grid = positions.narrow(1, tokens, old_side * old_side).to(torch::kFloat);
  grid = grid.reshape({1, old_side, old_side, features}).permute({0, 3, 1, 2});
  grid = functional::interpolate(grid, functional::InterpolateFuncOptions()
                                           .size(std::vector<std::int64_t>{side, side})
                                           .mode(torch::kBicubic)
                                           .align_corners(false)
                                           .antialias(true));  // [1,D,side,side]
  grid = grid.permute({0, 2, 3, 1}).reshape({1, side * side, features});
  return torch::cat({positions.narrow(1, 0, tokens), grid.to(positions.scalar_type())}, 1);
}

namespace {

constexpr double kNormEpsilon = 1e-6;
constexpr std::int64_t kMlpExpansion = 4;

torch::Tensor scaled(const std::shared_ptr<LayerScale>& scale, const torch::Tensor& x) {
  return scale == nullptr ? x : scale->forward(x);
}

}  // namespace

torch::nn::LayerNorm make_layer_norm(std::int64_t width) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(kNormEpsilon));
}

SelfAttention::SelfAttention(std::int64_t width, std::int64_t heads)
    : heads_(heads), qkv_(width, 3 * width), proj_(width, width) {
  register_module("qkv", qkv_);
  register_module("proj", proj_);
}

torch::Tensor SelfAttention::forward(const torch::Tensor& x) {
  const std::int64_t images = x.size(0);
  const std::int64_t tokens = x.size(1);
  const std::int64_t width = x.size(2);
  const torch::Tensor qkv = qkv_(x).view({images, tokens, 3, heads_, width / heads_}).permute({2, 0, 3, 1, 4});
  const auto parts = qkv.contiguous().unbind(0);  // one copy here saves those that batched products would make
  const torch::Tensor y = compat::attention(parts[0], parts[1], parts[2]);  // [N,heads,T,D/heads]
  return proj_(y.transpose(1, 2).reshape({images, tokens, width}));
}

ValueId SelfAttention::describe(GraphBuilder& graph, ValueId x) {
  const std::int64_t tokens = graph.size(x, 1);
  const std::int64_t width = graph.size(x, 2);
  const std::int64_t each = width / heads_;
  ValueId qkv = graph.reshape(graph.layer(x, *qkv_), {kAnySize, tokens, 3, heads_, each});
  qkv = graph.step(op::Transpose{{2, 0, 3, 1, 4}}, {qkv}, Storage::kNew, "contiguous");
  const auto part = [&](std::int64_t i) { return graph.unbind(qkv, i); };
  const ValueId y = graph.attention(part(0), part(1), part(2));  // [N,heads,T,D/heads]
  return graph.layer(graph.reshape(graph.permute(y, {0, 2, 1, 3}), {kAnySize, tokens, width}, Storage::kNew), *proj_);
}

Perceptron::Perceptron(std::int64_t width, std::int64_t hidden) : fc1_(width, hidden), fc2_(hidden, width) {
  register_module("fc1", fc1_);
  register_module("fc2", fc2_);
}

torch::Tensor Perceptron::forward(const torch::Tensor& x) { return fc2_(apply_gelu(fc1_(x))); }

ValueId Perceptron::describe(GraphBuilder& graph, ValueId x) {
  return graph.layer(graph.activation(graph.layer(x, *fc1_), op::Activation::Function::kGelu), *fc2_);
}

LayerScale::LayerScale(std::int64_t width, double start)
    : gamma_(register_parameter("gamma", torch::full({width}, start))) {}

ValueId LayerScale::describe(GraphBuilder& graph, ValueId x) {
  return graph.step(op::Multiply{}, {x, graph.parameter(*this, "gamma")});
}

TransformerBlock::TransformerBlock(const TransformerBlockShape& shape)
    : norm1_(make_layer_norm(shape.width)),
      norm2_(make_layer_norm(shape.width)),
      attn_(std::make_shared<SelfAttention>(shape.width, shape.heads)),
      mlp_(std::make_shared<Perceptron>(shape.width, kMlpExpansion * shape.width)) {
  register_module("norm1", norm1_);
  register_module("attn", attn_);
  if (shape.new_scale) {
    ls1_ = register_module("ls1", std::make_shared<LayerScale>(shape.width, *shape.new_scale));
  }
  register_module("norm2", norm2_);
  register_module("mlp", mlp_);
  if (shape.new_scale) {
    ls2_ = register_module("ls2", std::make_shared<LayerScale>(shape.width, *shape.new_scale));
  }
}

torch::Tensor TransformerBlock::forward(const torch::Tensor& x) { return finish(x, attended(x)); }

torch::Tensor TransformerBlock::finish(const torch::Tensor& x, const torch::Tensor& seen) {
  // Sums are not made in place: under autocast they stay float32, whatever the branches are.
  const torch::Tensor y = x + scaled(ls1_, attn_->forward(seen));
  return y + scaled(ls2_, mlp_->forward(norm2_(y)));
}

ValueId TransformerBlock::describe(GraphBuilder& graph, ValueId x) {
  const auto scaled_branch = [&](const std::shared_ptr<LayerScale>& scale, ValueId y) {
    return scale == nullptr ? y : graph.layer(y, *scale);
  };
  const ValueId seen = graph.layer(graph.layer(x, *norm1_), *attn_);
  const ValueId y = graph.step(op::Add{}, {x, scaled_branch(ls1_, seen)});
  const ValueId thought = graph.layer(graph.layer(y, *norm2_), *mlp_);
  return graph.step(op::Add{}, {y, scaled_branch(ls2_, thought)});
}

namespace {

namespace init = torch::nn::init;
using Start = ViTShape::Start;

constexpr const char* kPositions = "pos_embed";
constexpr double kViTSpread = 0.02;   // timm cuts at 2, 100 deviations away, so nothing is ever cut
constexpr double kTinySpread = 1e-6;  // of timm's class token and torchvision's biases in perceptrons

torch::nn::Sequential make_patch_embedding(const ViTShape& shape, std::int64_t in_channels) {
  const auto options = torch::nn::Conv2dOptions(in_channels, shape.width, shape.patch_px).stride(shape.patch_px);
  return torch::nn::Sequential({{"proj", torch::nn::Conv2d(options)}});
}

std::int64_t checked_image_px(const ViTShape& shape, std::int64_t image_px) {
  if (image_px > 0 && image_px % shape.patch_px == 0) return image_px;
  const std::int64_t below = image_px / shape.patch_px * shape.patch_px;
  throw std::invalid_argument(
      fmt::format("[ViT] the side of images must be a multiple of the patch's {} pixels, got {}; take {}",
                  shape.patch_px, image_px, below > 0 ? below : shape.patch_px));
}

void start_linear_as_timm(torch::nn::LinearImpl& linear) {
  init::normal_(linear.weight, 0, kViTSpread);
  init::zeros_(linear.bias);
}

/// Perceptrons and the matrix of q, k and v by Xavier; the one behind attention stays as linear layers begin.
void start_linear_as_torchvision(const std::string& name, torch::nn::LinearImpl& linear) {
  if (!name.ends_with("attn.proj")) init::xavier_uniform_(linear.weight);
  init::zeros_(linear.bias);
  if (name.find(".mlp.") != std::string::npos) init::normal_(linear.bias, 0, kTinySpread);
}

void start_patches_as_torchvision(torch::nn::Conv2dImpl& conv) {
  const auto fan_in = static_cast<double>(conv.weight[0].numel());
  init::normal_(conv.weight, 0, std::sqrt(1 / fan_in));
  init::zeros_(conv.bias);
}

void start_layers(torch::nn::Module& module, Start start) {
  const bool is_timm = start == Start::kTimm;
  for (const auto& each : module.named_modules("", /*include_self=*/false)) {
    auto* conv = each.value()->as<torch::nn::Conv2d>();
    auto* linear = each.value()->as<torch::nn::Linear>();
    if (conv != nullptr && !is_timm) start_patches_as_torchvision(*conv);
    if (linear != nullptr && is_timm) start_linear_as_timm(*linear);
    if (linear != nullptr && !is_timm) start_linear_as_torchvision(each.key(), *linear);
  }
}

}  // namespace

ViT::ViT(const ViTShape& shape, const BackboneOptions& options)
    : shape_(shape),
      image_px_(checked_image_px(shape, options.image_px)),
      is_mean_pooled_(options.arithmetic == Arithmetic::kMeanPooled),
      patch_embed_(make_patch_embedding(shape, options.in_channels)),
      norm_(make_layer_norm(shape.width)) {
  cls_token_ = register_parameter("cls_token", torch::zeros({1, 1, shape.width}));
  if (shape.registers > 0) {
    reg_token_ = register_parameter("reg_token", torch::zeros({1, shape.registers, shape.width}));
  }
  pos_embed_ =
      register_parameter(kPositions, torch::empty({1, placed_tokens() + grid_side() * grid_side(), shape.width}));
  register_module("patch_embed", patch_embed_);
  torch::nn::ModuleList blocks;
  for (std::int64_t i = 0; i < shape.depth; ++i) {
    blocks_.push_back(std::make_shared<TransformerBlock>(
        TransformerBlockShape{.width = shape.width, .heads = shape.heads, .new_scale = shape.new_scale}));
    blocks->push_back(blocks_.back());
  }
  register_module("blocks", blocks);
  register_module("norm", norm_);
  if (shape.start == Start::kTimm) init::normal_(cls_token_, 0, kTinySpread);
  if (reg_token_.defined()) init::normal_(reg_token_, 0, kTinySpread);
  init::normal_(pos_embed_, 0, kViTSpread);
  start_layers(*this, shape.start);
}

torch::Tensor ViT::embed(const torch::Tensor& images) {
  check_size(images.sizes());
  const torch::Tensor patches = patch_embed_->forward(images).flatten(2).transpose(1, 2);  // [N,T,D]
  const auto for_all = [&](const torch::Tensor& token) { return token.expand({images.size(0), -1, -1}); };
  if (!reg_token_.defined()) return torch::cat({for_all(cls_token_), patches}, 1) + pos_embed_;
  return torch::cat({for_all(cls_token_), for_all(reg_token_), patches + pos_embed_}, 1);
}

torch::Tensor ViT::read_features(const torch::Tensor& tokens) {
  if (is_mean_pooled_) return norm_(tokens.slice(1, first_patch()).mean(1)).unsqueeze(-1).unsqueeze(-1);
  return norm_(tokens.select(1, 0)).unsqueeze(-1).unsqueeze(-1);  // of one token only: the others are not asked for
}

ValueId ViT::describe_embedding(GraphBuilder& graph, ValueId images) {
  check_size(graph.shape(images));
  const ValueId grid = graph.layer(images, *patch_embed_);  // [N,D,g,g]
  const ValueId rows = graph.reshape(grid, {kAnySize, shape_.width, grid_side() * grid_side()});
  const auto for_all = [&](const char* token) {
    return graph.step(op::RepeatForBatch{}, {graph.parameter(*this, token), images}, Storage::kView);
  };
  const ValueId token = for_all("cls_token");
  const ValueId patches = graph.permute(rows, {0, 2, 1});
  if (!reg_token_.defined()) {
    const ValueId tokens = graph.step(op::Concat{1}, {token, patches});
    return graph.step(op::Add{}, {tokens, graph.parameter(*this, kPositions)});
  }
  const ValueId registers = for_all("reg_token");
  const ValueId placed = graph.step(op::Add{}, {patches, graph.parameter(*this, kPositions)});
  return graph.step(op::Concat{1}, {token, registers, placed});
}

ValueId ViT::describe_features(GraphBuilder& graph, ValueId tokens) {
  const std::int64_t patches = graph.size(tokens, 1) - first_patch();
  ValueId x = 0;
  if (is_mean_pooled_) {
    x = graph.step(op::Mean{1}, {graph.step(op::Slice{1, first_patch(), patches}, {tokens}, Storage::kView)});
  } else {
    x = graph.reshape(graph.step(op::Slice{1, 0, 1}, {tokens}, Storage::kView), {kAnySize, shape_.width});
  }
  return graph.reshape(graph.layer(x, *norm_), {kAnySize, shape_.width, 1, 1});
}

ValueId ViT::describe(GraphBuilder& graph, ValueId images) {
  ValueId tokens = describe_embedding(graph, images);
  for (const auto& block : blocks_) tokens = graph.layer(tokens, *block);
  return describe_features(graph, tokens);
}

std::vector<Backbone::Stage> ViT::stages() {
  std::vector<Stage> stages{{"patch_embed", [this](const torch::Tensor& images) { return embed(images); }}};
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    stages.push_back(
        {"blocks." + std::to_string(i), [block = blocks_[i]](const torch::Tensor& x) { return block->forward(x); }});
  }
  stages.push_back({"norm", [this](const torch::Tensor& tokens) { return read_features(tokens); }});
  return stages;
}

std::vector<Segment> ViT::segments() {
  const auto self = std::static_pointer_cast<ViT>(shared_from_this());
  // The first has parameters of the network itself, so all of the network is said to be used.
  std::vector<Segment> segments{{[self](const torch::Tensor& images) { return self->embed(images); }, {self}}};
  for (const auto& block : blocks_) {
    segments.push_back({[block](const torch::Tensor& x) { return block->forward(x); }, {block}});
  }
  segments.push_back({[self](const torch::Tensor& tokens) { return self->read_features(tokens); }, {norm_.ptr()}});
  return segments;
}

torch::Tensor ViT::tokens_behind(const torch::Tensor& images, std::size_t blocks) {
  torch::Tensor tokens = embed(images);
  for (std::size_t i = 0; i < blocks; ++i) tokens = blocks_[i]->forward(tokens);
  return tokens;
}

torch::Tensor ViT::patches_of(const torch::Tensor& tokens) const {
  return tokens.slice(1, first_patch())
      .transpose(1, 2)
      .unflatten(2, std::vector<std::int64_t>{grid_side(), grid_side()});
}

torch::Tensor ViT::with_patches(const torch::Tensor& tokens, const torch::Tensor& patches) const {
  return torch::cat({tokens.narrow(1, 0, first_patch()), patches.flatten(2).transpose(1, 2)}, 1);
}

MapPoint ViT::map_point(const torch::Tensor& images) {
  const torch::Tensor x = tokens_behind(images, blocks_.size() - (is_mean_pooled_ ? 0 : 1));
  if (is_mean_pooled_) {
    return {patches_of(x), [this, x](const torch::Tensor& patches) { return read_features(with_patches(x, patches)); }};
  }
  const torch::Tensor seen = blocks_.back()->attended(x);
  return {patches_of(seen), [this, x, seen](const torch::Tensor& patches) {
            return read_features(blocks_.back()->finish(x, with_patches(seen, patches)));
          }};
}

std::string ViT::map_point_name() const {
  return is_mean_pooled_ ? "patches" : "blocks." + std::to_string(blocks_.size() - 1) + ".norm1";
}

torch::nn::Sequential ViT::make_published_head(std::int64_t num_classes) const {
  torch::nn::Linear head(shape_.width, num_classes);
  init::zeros_(head->bias);
  init::zeros_(head->weight);
  if (shape_.start == Start::kTimm) init::normal_(head->weight, 0, kViTSpread);
  return torch::nn::Sequential({{"flatten", torch::nn::Flatten()}, {"head", head}});
}

namespace {

/// A position that is always added to the same token can as well be a part of it.
void add_class_position(TensorMap& published) {
  const auto token = published.find("cls_token");
  at::Tensor& positions = published.at(kPositions);
  if (token == published.end() || !has_square_grid(positions)) return;
  if (token->second.dim() != 3 || token->second.size(2) != positions.size(2)) return;
  token->second = token->second + positions.narrow(1, 0, 1);
  positions = positions.narrow(1, 1, positions.size(1) - 1);
}

}  // namespace

void ViT::adapt_published(TensorMap& published) const {
  const auto found = published.find(kPositions);
  if (found == published.end()) return;
  if (reg_token_.defined()) add_class_position(published);
  const torch::Tensor& positions = found->second;
  const bool is_as_wide = positions.dim() == 3 && positions.size(2) == pos_embed_.size(2);
  if (is_as_wide && positions.size(1) != pos_embed_.size(1) && has_square_grid(positions, placed_tokens())) {
    found->second = resample_positions(positions, grid_side(), placed_tokens());
  }
}

}  // namespace margay::model
