#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "margay/model/backbone/backbone.h"

namespace margay::model {

/// The numbers that a network of the design space is generated from (arXiv:2003.13678, section 3.3).
struct RegNetShape {
  std::int64_t depth;        ///< blocks of all stages
  std::int64_t first_width;  ///< w_0
  double slope;              ///< w_a: how much wider each block would be
  double factor;             ///< w_m: how much wider a stage is than the one before, roughly
  std::int64_t group_width;
};

/// One stage of a RegNet.
struct RegNetStage {
  std::int64_t width;
  std::int64_t blocks;
  std::int64_t group_width;  ///< at most `width`, which is a multiple of it
};

/// The stages of equations 2 to 4: widths u_j = w_0 + w_a j are quantised to w_0 w_m^s with whole s, then to multiples
/// of 8 and of the group's width; blocks of one width are a stage.
std::vector<RegNetStage> regnet_stages(const RegNetShape& shape);

/// RegNetY (Radosavovic, Kosaraju, Girshick, He, Dollar, "Designing Network Design Spaces", 2020, arXiv:2003.13678)
/// without its classifier: bottlenecks that keep their width, of grouped 3x3 convolutions and squeeze-and-excitation.
/// Names and initialisation are torchvision's.
class RegNet : public FeatureStack {
 public:
  explicit RegNet(const RegNetShape& shape, const BackboneOptions& options = {});
  torch::nn::Sequential make_published_head(std::int64_t num_classes) const override;
  std::vector<std::string> early_children() const override { return {"stem"}; }
};

}  // namespace margay::model
