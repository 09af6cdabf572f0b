#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/modules/linear.h>

#include "margay/model/backbone/backbone.h"

namespace margay::model {

/// The shape of a network of plain linear layers.
struct FlatNetShape {
  std::int64_t hidden = 0;  ///< width of a linear layer and rectifier before the classes; 0: none
};

/// The first networks of Howard and Gugger, "Deep Learning for Coders with fastai and PyTorch", 2020, chapter 4: the
/// pixels of a small image as one vector (channel, row, column), and optionally one hidden layer. Parameters bear the
/// names of the book's Sequential: "0", and "2" for the classes behind a hidden layer. The image's size is fixed:
/// image_px. Features: [N,hidden,1,1], or the pixels themselves. LibTorch's initialisation.
class FlatNet : public Backbone {
 public:
  explicit FlatNet(const FlatNetShape& shape, const BackboneOptions& options);
  /// Throws std::invalid_argument, when run, for images of another size.
  std::vector<Stage> stages() override;
  std::int64_t features() const override { return hidden_ ? hidden_->options.out_features() : pixels(); }
  FeatureLayout layout() const override { return FeatureLayout::kPooled; }
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::optional<std::int64_t> only_px() const override { return image_px_; }
  std::int64_t stride() const override { return image_px_; }
  /// None.
  std::vector<std::string> early_children() const override { return {}; }

 private:
  std::int64_t pixels() const { return in_channels_ * image_px_ * image_px_; }
  torch::Tensor flatten(const torch::Tensor& images) const;

  std::int64_t in_channels_;
  std::int64_t image_px_;
  torch::nn::Linear hidden_{nullptr};
};

}  // namespace margay::model
