#pragma once

#include <cstdint>

#include <torch/types.h>

namespace margay::testing_support {

/// Made-up outputs of a network for images of several classes: features are normal clouds around the classes' centres,
/// logits their products with the centres.
struct LabelledClouds {
  torch::Tensor logits;    ///< float [N,K]
  torch::Tensor features;  ///< float [N,D]
  torch::Tensor targets;   ///< int64 [N]
};

/// images: N; distance: of a centre from zero, in standard deviations of one feature.
inline LabelledClouds labelled_clouds(std::int64_t images, std::int64_t classes, std::int64_t features, double distance,
                                      std::uint64_t seed) {
  torch::manual_seed(1);
  const torch::Tensor centres = torch::randn({classes, features});
  torch::manual_seed(seed);
  LabelledClouds clouds;
  clouds.targets = torch::randint(classes, {images}, torch::kLong);
  const torch::Tensor lengths = centres.norm(2, {1}, /*keepdim=*/true);
  clouds.features = torch::randn({images, features}) + (distance * centres / lengths).index_select(0, clouds.targets);
  clouds.logits = clouds.features.matmul(centres.t()) / 4;
  return clouds;
}

}  // namespace margay::testing_support
