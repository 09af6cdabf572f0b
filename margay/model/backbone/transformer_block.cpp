#include "margay/model/backbone/transformer_block.h"

#include <memory>

#include "margay/model/torch_compat.h"

namespace margay::model {
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

Perceptron::Perceptron(std::int64_t width, std::int64_t hidden) : fc1_(width, hidden), fc2_(hidden, width) {
  register_module("fc1", fc1_);
  register_module("fc2", fc2_);
}

torch::Tensor Perceptron::forward(const torch::Tensor& x) { return fc2_(torch::gelu(fc1_(x))); }

LayerScale::LayerScale(std::int64_t width, double start)
    : gamma_(register_parameter("gamma", torch::full({width}, start))) {}

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

torch::Tensor TransformerBlock::forward(const torch::Tensor& x) {
  // Sums are not made in place: under autocast they stay float32, whatever the branches are.
  const torch::Tensor y = x + scaled(ls1_, attn_->forward(norm1_(x)));
  return y + scaled(ls2_, mlp_->forward(norm2_(y)));
}

}  // namespace margay::model
