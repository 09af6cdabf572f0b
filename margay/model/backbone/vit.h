#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "margay/model/backbone/backbone.h"

namespace margay::model {

/// Whether these are the positions of a square grid behind so many tokens: float [1,tokens+g*g,D].
bool has_square_grid(const at::Tensor& positions, std::int64_t tokens = 1);

/// Resamples learnt positions to a grid of another size: bicubic with antialiasing, as timm's resample_abs_pos_embed.
/// positions: float [1,tokens+g*g,D]; those of the class token (1 or no token) are first, and are not changed. Returns
/// the same dtype, [1,tokens+side*side,D]. Throws std::invalid_argument where has_square_grid() is false.
at::Tensor resample_positions(const at::Tensor& positions, std::int64_t side, std::int64_t tokens = 1);

/// The shape of a transformer's blocks.
struct TransformerBlockShape {
  std::int64_t width;               ///< D; the perceptron's hidden layer is four times as wide
  std::int64_t heads;               ///< of D / heads features each
  std::optional<double> new_scale;  ///< initial value of the layer scale; none: no layer scale
};

/// Every token attends to all others (Vaswani et al. 2017, section 3.2.2). [N,T,D] -> [N,T,D].
class SelfAttention : public torch::nn::Module, public DescribedLayer {
 public:
  SelfAttention(std::int64_t width, std::int64_t heads);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  std::int64_t heads_;
  torch::nn::Linear qkv_, proj_;
};

/// A linear layer, GELU, a linear layer. [N,T,D] -> [N,T,D].
class Perceptron : public torch::nn::Module, public DescribedLayer {
 public:
  Perceptron(std::int64_t width, std::int64_t hidden);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  torch::nn::Linear fc1_, fc2_;
};

/// A learnt factor for each feature (Touvron et al., "Going Deeper with Image Transformers", 2021, section 2).
class LayerScale : public torch::nn::Module, public DescribedLayer {
 public:
  LayerScale(std::int64_t width, double start);
  torch::Tensor forward(const torch::Tensor& x) { return x * gamma_; }
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  torch::Tensor gamma_;
};

/// A block of a vision transformer, norms first (Dosovitskiy et al. 2020, equations 2 and 3):
/// x + attention(norm(x)), then x + perceptron(norm(x)). Names are timm's: norm1, attn.qkv, attn.proj, ls1.gamma,
/// norm2, mlp.fc1, mlp.fc2, ls2.gamma. [N,T,D] -> [N,T,D].
class TransformerBlock : public torch::nn::Module, public DescribedLayer {
 public:
  explicit TransformerBlock(const TransformerBlockShape& shape);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

  /// The two parts of forward: what attention sees, norm(x), and the block's result from x and that.
  torch::Tensor attended(const torch::Tensor& x) { return norm1_(x); }
  torch::Tensor finish(const torch::Tensor& x, const torch::Tensor& seen);

 private:
  torch::nn::LayerNorm norm1_, norm2_;
  std::shared_ptr<SelfAttention> attn_;
  std::shared_ptr<Perceptron> mlp_;
  std::shared_ptr<LayerScale> ls1_, ls2_;  ///< null where there is none
};

/// The layer norm of vision transformers, over the last dimension.
torch::nn::LayerNorm make_layer_norm(std::int64_t width);

/// The shape of a vision transformer.
struct ViTShape {
  /// Whose initialisation it has. timm's: normal with 0.02, as Steiner et al. and DINOv2. torchvision's: Xavier, and a
  /// head of zeros.
  enum class Start { kTimm, kTorchvision };
  std::int64_t patch_px = 16;            ///< side of the patch of one token
  std::int64_t width = 768;              ///< D
  std::int64_t depth = 12;               ///< blocks
  std::int64_t heads = 12;               ///< of attention
  std::optional<double> new_scale = {};  ///< initial value of the layer scale; none: no layer scale
  Start start = Start::kTimm;
  /// Learnt tokens between the class token and the patches (Darcet et al., "Vision Transformers Need Registers", 2023,
  /// arXiv:2309.16588). With them, as timm has them, the patches alone have positions.
  std::int64_t registers = 0;
};

/// A vision transformer (Dosovitskiy et al., "An Image Is Worth 16x16 Words", arXiv:2010.11929) without its classifier.
/// Its features are the normalised class token, or with Arithmetic::kMeanPooled the normalised mean of the patches'
/// tokens: [N,D,1,1]. Images must be image_px on each side, a multiple of the
/// patch. Parameters bear timm's names: cls_token, reg_token, pos_embed, patch_embed.proj, blocks.0.attn.qkv …, norm.
class ViT : public Backbone {
 public:
  /// Throws std::invalid_argument for an image_px that is no multiple of the patch.
  explicit ViT(const ViTShape& shape, const BackboneOptions& options = {});
  /// "patch_embed" and "blocks.0" … give [N,1+R+T,D], the class token first, then the registers; "norm" the features.
  std::vector<Stage> stages() override;
  std::vector<Segment> segments() override;
  ValueId describe(GraphBuilder& graph, ValueId images) override;
  std::int64_t features() const override { return shape_.width; }
  FeatureLayout layout() const override { return FeatureLayout::kPooled; }
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::optional<std::int64_t> only_px() const override { return image_px_; }
  /// The whole image's side.
  std::int64_t stride() const override { return image_px_; }
  /// The patches as the last attention sees them, behind its norm: behind it only the class token matters. (With
  /// Arithmetic::kMeanPooled: the patches' tokens before their mean.)
  MapPoint map_point(const torch::Tensor& images) override;
  std::string map_point_name() const override;
  bool maps_tokens() const override { return !is_mean_pooled_; }
  MapGrid map_grid(std::int64_t /*side_px*/) const override {
    return {static_cast<double>(shape_.patch_px) / 2, static_cast<double>(shape_.patch_px)};
  }
  std::vector<std::string> early_children() const override { return {"patch_embed"}; }
  /// "pos_embed" of another image size is resampled. With registers, a class token's position, as Meta's files have it,
  /// is added to the token.
  void adapt_published(TensorMap& published) const override;

 private:
  torch::Tensor embed(const torch::Tensor& images);
  /// Images through so many blocks.
  torch::Tensor tokens_behind(const torch::Tensor& images, std::size_t blocks);
  /// Tokens before the patches' own.
  std::int64_t first_patch() const { return 1 + shape_.registers; }
  /// Those of them that have positions.
  std::int64_t placed_tokens() const { return shape_.registers > 0 ? 0 : 1; }
  /// tokens: [N,1+R+T,D]; the patches as [N,D,g,g], and back, behind the other tokens of others.
  torch::Tensor patches_of(const torch::Tensor& tokens) const;
  torch::Tensor with_patches(const torch::Tensor& tokens, const torch::Tensor& patches) const;
  torch::Tensor read_features(const torch::Tensor& tokens);
  ValueId describe_embedding(GraphBuilder& graph, ValueId images);
  ValueId describe_features(GraphBuilder& graph, ValueId tokens);
  std::int64_t grid_side() const { return image_px_ / shape_.patch_px; }

  ViTShape shape_;
  std::int64_t image_px_;
  bool is_mean_pooled_;
  torch::nn::Sequential patch_embed_;
  torch::Tensor cls_token_, reg_token_, pos_embed_;  ///< reg_token_: undefined without registers
  std::vector<std::shared_ptr<TransformerBlock>> blocks_;
  torch::nn::LayerNorm norm_;
};

}  // namespace margay::model
