#pragma once

#include <cstdint>

#include "margay/model/backbone/backbone.h"

namespace margay::model {

/// How a network is scaled up from B0 (equation 3): the wider, the deeper, the larger its images.
struct EfficientNetScale {
  double width = 1;
  double depth = 1;
  double dropout = 0.2;  ///< before the published classifier
};

/// What both EfficientNets have: torchvision's classifier.
class EfficientNetStack : public FeatureStack {
 public:
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;

 protected:
  /// dropout: before the published classifier.
  explicit EfficientNetStack(double dropout) : dropout_(dropout) {}

 private:
  double dropout_;
};

/// EfficientNet (Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019,
/// arXiv:1905.11946, table 1) without its classifier. Names, initialisation and stochastic depth (from 0 at the first
/// block towards 0.2) are torchvision's.
class EfficientNet : public EfficientNetStack {
 public:
  explicit EfficientNet(const EfficientNetScale& scale, const BackboneOptions& options = {});
};

/// EfficientNetV2-S (Tan, Le, "EfficientNetV2: Smaller Models and Faster Training", 2021, arXiv:2104.00298, table 4)
/// without its classifier: EfficientNet whose first stages have one 3x3 convolution in place of a 1x1 and a depthwise
/// one (Fused-MBConv, figure 2). Names, initialisation and stochastic depth are torchvision's.
class EfficientNetV2 : public EfficientNetStack {
 public:
  explicit EfficientNetV2(const BackboneOptions& options = {});
};

}  // namespace margay::model
