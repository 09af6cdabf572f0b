#pragma once

#include <array>
#include <cstdint>
#include <tuple>
#include <utility>

#include <torch/nn/modules/container/sequential.h>

#include "margay/core/options.h"
#include "margay/model/backbone/backbone.h"

namespace margay::model {

enum class HeadKind {
  kFastai,     ///< fastai's create_head
  kLinear,     ///< mean pooling, dropout and one linear layer
  kPublished,  ///< the network's own (Backbone::make_published_head)
};

constexpr auto names(HeadKind /*tag*/) {
  return std::array{std::pair{HeadKind::kFastai, "fastai"}, std::pair{HeadKind::kLinear, "linear"},
                    std::pair{HeadKind::kPublished, "published"}};
}

struct HeadOptions {
  HeadKind kind = HeadKind::kFastai;
  /// Width of the hidden layer; 0: none.
  std::int64_t hidden = 512;
  /// Probability of dropping a feature before the last layer, half of it before the hidden one.
  double dropout = 0.5;

  static constexpr const char* kName = "head";
  static constexpr auto fields() {
    return std::tuple{
        core::field("kind", &HeadOptions::kind, "fastai, linear, or published: the network's own"),
        core::field("hidden", &HeadOptions::hidden, "width of the head's hidden layer, 0 for none", {0, 65536}),
        core::field("dropout", &HeadOptions::dropout, "dropout before the last layer, half of it before", {0, 0.99})};
  }
};

/// fastai's head (create_head): max and average pooling side by side, flatten, then batch norm, dropout, linear
/// (without bias), ReLU, and batch norm, dropout, linear again. Its layers are numbered as fastai's, so
/// parameters are "2.weight", "2.bias", "4.weight", "6.weight", "6.bias", "8.weight".
/// Takes [N,D,H,W] and returns logits [N,K]. Initialised as fastai's: Kaiming normal; batch norm's bias 1e-3.
torch::nn::Sequential make_head(std::int64_t features, std::int64_t num_classes, const HeadOptions& options = {},
                                FeatureLayout layout = FeatureLayout::kMap);

/// The head that the options ask for, on this backbone.
torch::nn::Sequential make_head(const Backbone& backbone, std::int64_t num_classes, const HeadOptions& options = {});

}  // namespace margay::model
