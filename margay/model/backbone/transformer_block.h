#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

namespace margay::model {

/// What the blocks of one transformer have in common.
struct TransformerBlockShape {
  std::int64_t width;               ///< D; the perceptron's hidden layer is four times as wide
  std::int64_t heads;               ///< of D / heads features each
  std::optional<double> new_scale;  ///< what the layer scale starts with; none: there is no layer scale
};

/// Every token looks at all others (Vaswani et al. 2017, section 3.2.2). [N,T,D] -> [N,T,D].
class SelfAttention : public torch::nn::Module {
 public:
  SelfAttention(std::int64_t width, std::int64_t heads);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  std::int64_t heads_;
  torch::nn::Linear qkv_, proj_;
};

/// A linear layer, GELU, a linear layer. [N,T,D] -> [N,T,D].
class Perceptron : public torch::nn::Module {
 public:
  Perceptron(std::int64_t width, std::int64_t hidden);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Linear fc1_, fc2_;
};

/// A learnt factor for each feature (Touvron et al., "Going Deeper with Image Transformers", 2021, section 2).
class LayerScale : public torch::nn::Module {
 public:
  LayerScale(std::int64_t width, double start);
  torch::Tensor forward(const torch::Tensor& x) { return x * gamma_; }

 private:
  torch::Tensor gamma_;
};

/// A block of a vision transformer, norms first (Dosovitskiy et al. 2020, equations 2 and 3):
/// x + attention(norm(x)), then x + perceptron(norm(x)). Names are timm's: norm1, attn.qkv, attn.proj, ls1.gamma,
/// norm2, mlp.fc1, mlp.fc2, ls2.gamma. [N,T,D] -> [N,T,D].
class TransformerBlock : public torch::nn::Module {
 public:
  explicit TransformerBlock(const TransformerBlockShape& shape);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::LayerNorm norm1_, norm2_;
  std::shared_ptr<SelfAttention> attn_;
  std::shared_ptr<Perceptron> mlp_;
  std::shared_ptr<LayerScale> ls1_, ls2_;  ///< null where there is none
};

/// The layer norm of vision transformers, over the last side.
torch::nn::LayerNorm make_layer_norm(std::int64_t width);

}  // namespace margay::model
