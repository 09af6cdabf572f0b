#pragma once

#include <cstdint>

#include "margay/model/backbone/feature_stack.h"

namespace margay::model {

enum class MobileNetV3Size { kSmall, kLarge };

/// MobileNetV3 (Howard et al., "Searching for MobileNetV3", 2019, arXiv:1905.02244, tables 1 and 2) without its
/// classifier. Names, batch norms and initialisation are torchvision's.
class MobileNetV3 : public FeatureStack {
 public:
  explicit MobileNetV3(MobileNetV3Size size, const BackboneOptions& options = {});
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;

 private:
  std::int64_t hidden_;  ///< width of the classifier's first layer
};

}  // namespace margay::model
