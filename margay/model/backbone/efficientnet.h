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

/// EfficientNet (Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019,
/// arXiv:1905.11946, table 1) without its classifier. Names, initialisation and stochastic depth (from 0 at the first
/// block towards 0.2) are torchvision's.
class EfficientNet : public FeatureStack {
 public:
  explicit EfficientNet(const EfficientNetScale& scale, const BackboneOptions& options = {});
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;

 private:
  double dropout_;
};

}  // namespace margay::model
