#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "margay/model/backbone/backbone.h"
#include "margay/model/backbone/layers.h"

namespace margay::model {

/// Every pixel attends to those of its window (Liu et al., "Swin Transformer", arXiv:2103.14030, section 3.2), with a
/// learnt bias for their distance. Windows are 7 pixels high and wide; a shifted one begins in the middle of a plain
/// one. Where windows go over the border, zeros are added. [N,H,W,C] -> [N,H,W,C].
/// Names are torchvision's: qkv, proj, relative_position_bias_table, relative_position_index.
class ShiftedWindowAttention : public torch::nn::Module, public DescribedLayer {
 public:
  enum class Windows { kPlain, kShifted };
  static constexpr std::int64_t kWindow = 7;

  ShiftedWindowAttention(std::int64_t channels, std::int64_t heads, Windows windows);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  /// x: [N,H,W,C], H and W multiples of the window. Without shift. Returns the same shape.
  torch::Tensor attend(const torch::Tensor& x, const torch::Tensor& bias);
  /// [heads,T,T], T the pixels of a window.
  torch::Tensor position_bias() const;
  /// The same three as nodes.
  ValueId describe_attention(GraphBuilder& graph, ValueId x, ValueId bias);
  ValueId describe_bias(GraphBuilder& graph) const;

  std::int64_t heads_;
  Windows windows_;
  torch::nn::Linear qkv_, proj_;
  torch::Tensor bias_table_;      ///< [13*13,heads]: for every distance, vertical and horizontal
  torch::Tensor position_index_;  ///< whole numbers [T*T]: the row of the table for two pixels of a window
};

/// Adds so many rows and columns of zeros. x: [N,H,W,C].
torch::Tensor with_border(const torch::Tensor& x, std::int64_t bottom, std::int64_t right);

/// The shape of a Swin transformer.
struct SwinShape {
  std::int64_t width = 96;           ///< channels of the first stage; double with every stage
  std::vector<std::int64_t> blocks;  ///< per stage; every stage but the first halves the image
  std::vector<std::int64_t> heads;   ///< of attention, per stage
  double stochastic_depth =
      0;  ///< probability of dropping the last block's branches; grows linearly from 0 for the first
};

/// Attention in windows, then a perceptron, each after a norm and with a residual connection (Liu et al. 2021, figure
/// 3b). [N,H,W,C] -> [N,H,W,C].
class SwinBlock : public torch::nn::Module, public DescribedLayer {
 public:
  SwinBlock(std::int64_t channels, std::int64_t heads, ShiftedWindowAttention::Windows windows, double dropped);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  torch::nn::LayerNorm norm1_, norm2_;
  std::shared_ptr<ShiftedWindowAttention> attn_;
  torch::nn::Sequential mlp_;
  StochasticDepth stochastic_depth_;
};

/// Concatenates the channels of 2x2 pixels and halves their number. [N,H,W,C] -> [N,H/2,W/2,2C], rounded up.
class PatchMerging : public torch::nn::Module, public DescribedLayer {
 public:
  explicit PatchMerging(std::int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);
  ValueId describe(GraphBuilder& graph, ValueId x) override;

 private:
  torch::nn::LayerNorm norm_;
  torch::nn::Linear reduction_;
};

/// A Swin transformer (Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
/// arXiv:2103.14030) without its classifier, for images of any size from 32 pixels; the first layer ignores a remainder
/// of the division by 4. Parameters bear torchvision's names: features.0.0 (4x4 patches), features.1.0.attn.qkv …,
/// features.2.reduction …, norm. Initialised as torchvision's.
class Swin : public Backbone {
 public:
  explicit Swin(const SwinShape& shape, const BackboneOptions& options = {});
  /// "features.0" … "features.7" give [N,H,W,C], which as memory is channels-last; "norm" the features [N,D,h,w].
  std::vector<Stage> stages() override;
  std::vector<Segment> segments() override;
  ValueId describe(GraphBuilder& graph, ValueId images) override;
  std::int64_t features() const override { return channels_; }
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::int64_t stride() const override;
  std::string map_point_name() const override { return "norm"; }
  /// Patches do not overlap.
  MapGrid map_grid(std::int64_t /*side_px*/) const override {
    return {static_cast<double>(stride()) / 2, static_cast<double>(stride())};
  }
  std::vector<std::string> early_children() const override { return {"features.0"}; }
  /// Indices of positions are computed, not learnt, so a file may have them in another shape or not at all.
  void adapt_published(TensorMap& published) const override;

 private:
  /// The blocks of a stage, which it appends to layers_.
  torch::nn::Sequential make_stage(const SwinShape& shape, std::size_t stage);

  std::int64_t channels_;                     ///< of the last stage
  std::vector<std::vector<Segment>> layers_;  ///< of each child of "features", its parts
  torch::nn::LayerNorm norm_;
};

}  // namespace margay::model
