#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/normalization.h>

#include "margay/model/backbone/backbone.h"
#include "margay/model/backbone/transformer_block.h"

namespace margay::model {

/// What tells one vision transformer from another.
struct ViTShape {
  /// Whose first weights it has. timm's: normal of 0.02, which Steiner et al. and DINOv2 have too. torchvision's: by
  /// the widths of the layers (Xavier), and a head of zeros.
  enum class Start { kTimm, kTorchvision };
  std::int64_t patch_px = 16;            ///< side of what becomes one token
  std::int64_t width = 768;              ///< D
  std::int64_t depth = 12;               ///< blocks
  std::int64_t heads = 12;               ///< of attention
  std::optional<double> new_scale = {};  ///< what the layer scale starts with; none: there is no layer scale
  Start start = Start::kTimm;
};

/// A vision transformer (Dosovitskiy et al., "An Image Is Worth 16x16 Words", arXiv:2010.11929) without its classifier.
/// Its features are the normalised class token: [N,D,1,1]. Images must be image_px on each side, a multiple of the
/// patch. Parameters bear timm's names: cls_token, pos_embed, patch_embed.proj, blocks.0.attn.qkv …, norm.
class ViT : public Backbone {
 public:
  /// Throws std::invalid_argument for an image_px that is no multiple of the patch.
  explicit ViT(const ViTShape& shape, const BackboneOptions& options = {});
  /// "patch_embed" and "blocks.0" … give [N,1+T,D], the class token first; "norm" the features.
  std::vector<Stage> stages() override;
  std::vector<Segment> segments() override;
  std::int64_t features() const override { return shape_.width; }
  FeatureLayout layout() const override { return FeatureLayout::kPooled; }
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::optional<std::int64_t> only_px() const override { return image_px_; }
  /// The whole image's side.
  std::int64_t stride() const override { return image_px_; }
  std::vector<std::string> early_children() const override { return {"patch_embed"}; }
  /// "pos_embed" of another image size is resampled (positions.h).
  void adapt_published(TensorMap& published) const override;

 private:
  torch::Tensor embed(const torch::Tensor& images);
  torch::Tensor read_class(const torch::Tensor& tokens);
  std::int64_t grid_side() const { return image_px_ / shape_.patch_px; }

  ViTShape shape_;
  std::int64_t image_px_;
  torch::nn::Sequential patch_embed_;
  torch::Tensor cls_token_, pos_embed_;
  std::vector<std::shared_ptr<TransformerBlock>> blocks_;
  torch::nn::LayerNorm norm_;
};

}  // namespace margay::model
