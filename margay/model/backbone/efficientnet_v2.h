#pragma once

#include <cstdint>

#include "margay/model/backbone/backbone.h"

namespace margay::model {

/// EfficientNetV2-S (Tan, Le, "EfficientNetV2: Smaller Models and Faster Training", 2021, arXiv:2104.00298, table 4)
/// without its classifier: EfficientNet whose first stages have one 3x3 convolution in place of a 1x1 and a depthwise
/// one (Fused-MBConv, figure 2). Names, initialisation and stochastic depth are torchvision's.
class EfficientNetV2 : public FeatureStack {
 public:
  explicit EfficientNetV2(const BackboneOptions& options = {});
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
};

}  // namespace margay::model
