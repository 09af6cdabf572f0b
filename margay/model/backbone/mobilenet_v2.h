#pragma once

#include <cstdint>

#include "margay/model/backbone/feature_stack.h"

namespace margay::model {

/// MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018,
/// arXiv:1801.04381, table 2) without its classifier. Names and initialisation are torchvision's.
class MobileNetV2 : public FeatureStack {
 public:
  explicit MobileNetV2(const BackboneOptions& options = {});
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
};

}  // namespace margay::model
