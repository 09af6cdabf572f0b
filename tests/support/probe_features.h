#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "margay/predict/features.h"

namespace margay::testing_support {

/// Numbers that depend on the seed alone.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : generator_(at::detail::createCPUGenerator(seed)) {}
  torch::Tensor normal(at::IntArrayRef shape) { return torch::randn(shape, generator_); }
  torch::Tensor uniform(at::IntArrayRef shape) { return torch::rand(shape, generator_); }

 private:
  torch::Generator generator_;
};

struct CloudOptions {
  std::int64_t images = 60;
  std::int64_t classes = 3;
  std::int64_t features = 8;
  double distance = 1;  ///< of the classes' centres from their mean, in deviations of the features
  double shift = 0;     ///< added to every feature
};

inline predict::Features as_features(const torch::Tensor& rows, const torch::Tensor& targets) {
  predict::Features features;
  features.rows = rows;
  features.targets = targets;
  for (std::int64_t i = 0; i < rows.size(0); ++i) features.ids.push_back(static_cast<std::size_t>(i));
  return features;
}

/// Images of each class around its centre, which is the same for every seed. Classes take turns.
inline predict::Features clouds(const CloudOptions& options, std::uint64_t seed) {
  const torch::Tensor centres = Numbers(7).normal({options.classes, options.features}) * options.distance;
  const torch::Tensor targets = torch::arange(options.images) % options.classes;
  const torch::Tensor noise = Numbers(seed).normal({options.images, options.features});
  return as_features(centres.index_select(0, targets) + noise + 1 + options.shift, targets);
}

}  // namespace margay::testing_support
