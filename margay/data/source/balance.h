#pragma once

#include <array>
#include <vector>

#include "margay/core/options.h"
#include "margay/data/dataset.h"

namespace margay::data {

/// The weight of a class of n images: 1 / n, or (1 - β) / (1 - β^n) (Cui, Jia, Lin, Song, Belongie, "Class-balanced
/// loss based on effective number of samples", CVPR 2019), which changes less once n exceeds 1 / (1 - β).
enum class RarityWeighting { kInverseFrequency, kEffectiveNumber };

constexpr auto names(RarityWeighting /*tag*/) {
  return std::array{std::pair{RarityWeighting::kInverseFrequency, "inverse_frequency"},
                    std::pair{RarityWeighting::kEffectiveNumber, "effective_number"}};
}

struct ClassWeightOptions {
  RarityWeighting weighting = RarityWeighting::kInverseFrequency;
  double beta = 0.999;

  static const core::OptionTable& fields();
};

/// The number of images of each class, [K]. With several labels an image counts for each of its classes.
std::vector<std::int64_t> class_counts(const Dataset& dataset);

/// A weight for each class, [K], 1 on average over the classes that occur, and 1 for those that do not.
/// Throws std::invalid_argument for beta outside [0, 1).
std::vector<double> class_weights(const Dataset& dataset, const ClassWeightOptions& options = {});

/// A weight for each image, 1 on average, with which all classes are sampled equally often: 1 / n of its class. With
/// several labels it is the weight of the rarest of them, since an image cannot be drawn for one label alone. Images
/// without a class count as a class of their own.
std::vector<double> sample_weights(const Dataset& dataset);

}  // namespace margay::data
