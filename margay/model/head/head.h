#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>

#include "margay/core/options.h"
#include "margay/model/backbone/backbone.h"
#include "margay/model/graph/layer.h"

namespace margay::model {

/// The maximum and the mean of each channel, concatenated (fastai's AdaptiveConcatPool2d).
class ConcatPoolImpl : public torch::nn::Module, public DescribedLayer {
 public:
  /// features: float [N,D,H,W]. Returns [N,2D,1,1], maxima first.
  torch::Tensor forward(const torch::Tensor& features);
  ValueId describe(GraphBuilder& graph, ValueId features) override;
};
TORCH_MODULE(ConcatPool);

enum class HeadKind {
  kFastai,     ///< fastai's create_head
  kLinear,     ///< mean pooling, dropout and one linear layer
  kPublished,  ///< the network's own (Backbone::make_published_head)
};

constexpr auto names(HeadKind /*tag*/) {
  return std::array{std::pair{HeadKind::kFastai, "fastai"}, std::pair{HeadKind::kLinear, "linear"},
                    std::pair{HeadKind::kPublished, "published"}};
}

/// The options of fastai's create_head, whose names are in brackets, without first_bn (always on), pool (as the network
/// needs) and y_range (none).
struct HeadOptions {
  HeadKind kind = HeadKind::kFastai;
  /// Widths of the hidden layers; none, or 0: no hidden layer (lin_ftrs).
  std::vector<std::int64_t> hidden{512};
  /// Probabilities of dropping a feature before each layer. A single one applies before the last layer, and half of it
  /// before the others (ps).
  std::vector<double> dropout{0.5};
  /// Pools maxima and means; otherwise means alone.
  bool concat_pool = true;
  /// Puts batch norm and dropout after the hidden layers' ReLU, and dropout alone before the first layer; otherwise
  /// both before each layer.
  bool lin_first = false;
  /// Adds a last batch norm over the logits.
  bool bn_final = false;

  static const core::OptionTable& fields();
};

/// fastai's head (create_head). By default: max and average pooling side by side, flatten, then batch norm, dropout,
/// linear (without bias), ReLU, and batch norm, dropout, linear again. A dropout of 0 has no layer. Layers have
/// fastai's numbers, so parameters are "2.weight", "2.bias", "4.weight", "6.weight", "6.bias", "8.weight". Takes
/// [N,D,H,W], or [N,D] if that is the layout (then nothing is pooled), and returns logits [N,K]. Initialised as
/// fastai's: Kaiming normal; batch norm's bias 1e-3, but 0 in that of the logits. Throws std::invalid_argument for
/// options out of range and for dropouts that are neither one nor as many as layers.
torch::nn::Sequential make_head(std::int64_t features, std::int64_t num_classes, const HeadOptions& options = {},
                                FeatureLayout layout = FeatureLayout::kMap);

/// What the linear head multiplies: the mean of each channel over all positions, in float32. features: floating
/// [N,D,h,w] or [N,D], of this backbone. Result: float [N,D]. Throws core::Error for a backbone that gives another
/// shape.
torch::Tensor pool_features(const torch::Tensor& features, const Backbone& backbone);

/// The parts of a head that takes the mean over all places and is affine from there (in eval mode, in which batch norms
/// are affine). The mean of its logits over the places is then the logits of the mean.
struct MeanPooledHead {
  std::vector<torch::nn::AnyModule> before;  ///< at each place by itself: 1x1 convolutions, rectifiers
  std::vector<torch::nn::AnyModule> behind;  ///< linear layers and batch norms

  /// features: float [N,D,h,w]. Returns the logits of every place by itself, [N,K,h,w].
  torch::Tensor logits_of_places(const torch::Tensor& features) const;
  /// The logits where the mean is zero: [K].
  torch::Tensor bias(const torch::Tensor& features) const;

 private:
  torch::Tensor before_pooling(torch::Tensor features) const;
  torch::Tensor behind_pooling(torch::Tensor rows) const;
};

/// Nothing for other heads: with maxima, larger poolings, hidden layers with rectifiers, or a layer norm behind the
/// pooling.
std::optional<MeanPooledHead> as_mean_pooled(const torch::nn::Sequential& head);

/// The head that the options ask for, on this backbone. Throws std::invalid_argument for options that belong to another
/// kind of head.
torch::nn::Sequential make_head(const Backbone& backbone, std::int64_t num_classes, const HeadOptions& options = {});

}  // namespace margay::model
