#include "margay/model/backbone/vit.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/utils.h>

#include "margay/model/backbone/positions.h"

namespace margay::model {
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
      patch_embed_(make_patch_embedding(shape, options.in_channels)),
      norm_(make_layer_norm(shape.width)) {
  cls_token_ = register_parameter("cls_token", torch::zeros({1, 1, shape.width}));
  pos_embed_ = register_parameter(kPositions, torch::empty({1, 1 + grid_side() * grid_side(), shape.width}));
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
  init::normal_(pos_embed_, 0, kViTSpread);
  start_layers(*this, shape.start);
}

torch::Tensor ViT::embed(const torch::Tensor& images) {
  check_size(images);
  const torch::Tensor patches = patch_embed_->forward(images).flatten(2).transpose(1, 2);  // [N,T,D]
  const torch::Tensor tokens = torch::cat({cls_token_.expand({images.size(0), -1, -1}), patches}, 1);
  return tokens + pos_embed_;
}

torch::Tensor ViT::read_class(const torch::Tensor& tokens) {
  return norm_(tokens.select(1, 0)).unsqueeze(-1).unsqueeze(-1);  // of one token only: the others are not asked for
}

std::vector<Backbone::Stage> ViT::stages() {
  std::vector<Stage> stages{{"patch_embed", [this](const torch::Tensor& images) { return embed(images); }}};
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    stages.push_back(
        {"blocks." + std::to_string(i), [block = blocks_[i]](const torch::Tensor& x) { return block->forward(x); }});
  }
  stages.push_back({"norm", [this](const torch::Tensor& tokens) { return read_class(tokens); }});
  return stages;
}

std::vector<Segment> ViT::segments() {
  const auto self = std::static_pointer_cast<ViT>(shared_from_this());
  // The first has parameters of the network itself, so all of the network is said to be used.
  std::vector<Segment> segments{{[self](const torch::Tensor& images) { return self->embed(images); }, {self}}};
  for (const auto& block : blocks_) {
    segments.push_back({[block](const torch::Tensor& x) { return block->forward(x); }, {block}});
  }
  segments.push_back({[self](const torch::Tensor& tokens) { return self->read_class(tokens); }, {norm_.ptr()}});
  return segments;
}

torch::nn::Sequential ViT::make_published_head(std::int64_t num_classes) const {
  torch::nn::Linear head(shape_.width, num_classes);
  init::zeros_(head->bias);
  init::zeros_(head->weight);
  if (shape_.start == Start::kTimm) init::normal_(head->weight, 0, kViTSpread);
  return torch::nn::Sequential({{"flatten", torch::nn::Flatten()}, {"head", head}});
}

void ViT::adapt_published(TensorMap& published) const {
  const auto found = published.find(kPositions);
  if (found == published.end()) return;
  const torch::Tensor& positions = found->second;
  const bool is_as_wide = positions.dim() == 3 && positions.size(2) == pos_embed_.size(2);
  if (is_as_wide && positions.size(1) != pos_embed_.size(1) && has_square_grid(positions))
    found->second = resample_positions(positions, grid_side());
}

}  // namespace margay::model
