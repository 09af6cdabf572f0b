#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "margay/model/backbone/backbone.h"

namespace margay::model {

/// MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018,
/// arXiv:1801.04381, table 2) without its classifier. Names and initialisation are torchvision's.
class MobileNetV2 : public FeatureStack {
 public:
  explicit MobileNetV2(const BackboneOptions& options = {});
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
};

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

enum class MobileNetV4Size { kSmall, kMedium, kLarge };

/// MobileNetV4-Conv (Qin et al., "MobileNetV4: Universal Models for the Mobile Ecosystem", 2024, arXiv:2404.10518,
/// appendix D) without its classifier: universal inverted bottlenecks (figure 4), whose two depthwise convolutions may
/// each be left out. Names are timm's: conv_stem, bn1, blocks.2.0.dw_start.conv …; it begins as timm's.
class MobileNetV4 : public FeatureStack {
 public:
  explicit MobileNetV4(MobileNetV4Size size, const BackboneOptions& options = {});
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::vector<std::string> early_children() const override { return {"conv_stem", "bn1"}; }
};

}  // namespace margay::model
