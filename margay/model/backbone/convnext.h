#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "margay/model/backbone/feature_stack.h"

namespace margay::model {

/// What tells one ConvNeXt from another.
struct ConvNextShape {
  std::int64_t width = 96;                            ///< channels of the first stage; doubles with every stage
  std::array<std::int64_t, 4> blocks = {3, 3, 9, 3};  ///< per stage
  double max_drop = 0.1;                              ///< stochastic depth of the last block, from 0 at the first
};

/// ConvNeXt (Liu, Mao, Wu, Feichtenhofer, Darrell, Xie, "A ConvNet for the 2020s", 2022, arXiv:2201.03545, figure 4)
/// without its classifier. Names and initialisation are torchvision's. Images are cut into patches of 4 pixels and
/// then of 2x2, so what does not fill the last one is not seen: sides of the result are rounded down.
class ConvNext : public FeatureStack {
 public:
  explicit ConvNext(const ConvNextShape& shape, const BackboneOptions& options = {});
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
};

}  // namespace margay::model
