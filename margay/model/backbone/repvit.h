#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "margay/model/backbone/backbone.h"

namespace margay::model {

/// The shape of a RepViT.
struct RepViTShape {
  std::int64_t width = 48;                             ///< channels of the first stage; doubles with every stage
  std::array<std::int64_t, 4> blocks = {2, 2, 14, 2};  ///< per stage
};

/// RepViT (Wang, Chen, Lin, Han, Ding, "RepViT: Revisiting Mobile CNN From ViT Perspective", 2023, arXiv:2307.09283,
/// figures 2 and 5) without its classifier, as it is trained: the token mixer is the sum of a depthwise 3x3, a
/// depthwise 1x1 and its input. Names are timm's: stem.conv1.c, stages.1.downsample.pre_block.token_mixer.conv.c …; its
/// two classifiers (one learnt from a teacher) are averaged.
class RepViT : public FeatureStack {
 public:
  explicit RepViT(const RepViTShape& shape, const BackboneOptions& options = {});
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::vector<std::string> early_children() const override { return {"stem"}; }
};

}  // namespace margay::model
