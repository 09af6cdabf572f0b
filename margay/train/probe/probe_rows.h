#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <torch/types.h>

#include "margay/data/item.h"
#include "margay/data/loader/loader_options.h"

namespace margay::predict {
struct Features;
}

namespace margay::train {

/// An image whose features are not all finite numbers.
class NonFiniteFeatures : public std::invalid_argument {
 public:
  /// image: its position in the dataset.
  NonFiniteFeatures(const char* set, std::size_t image);

  bool is_for_training() const { return is_for_training_; }
  std::size_t image() const { return image_; }

  /// What to do about it, behind "its features".
  static constexpr const char* kRemedy = "are not finite; look at the image, or at the network's weights";

 private:
  bool is_for_training_;
  std::size_t image_;
};

/// What messages call the two sets.
inline constexpr const char* kTrainingSet = "training";
inline constexpr const char* kValidationSet = "validation";

/// The checked input of a probe: images that the network has seen already.
struct ProbeRows {
  torch::Tensor features;  ///< float [N,D], finite
  torch::Tensor targets;   ///< int64 [N]; float [N,K] of 0 and 1 for several labels
  torch::Tensor groups;    ///< int64 [N], 0 … num_groups-1
  torch::Tensor weights;   ///< float64 [N], 1 on average
  std::int64_t num_groups = 0;
  std::int64_t num_classes = 0;
  data::Task task = data::Task::kSingleLabel;

  std::int64_t size() const { return features.size(0); }
  /// int64 [N]: what balancing and stratifying go by. The class; with several labels the rarest of them, and K for an
  /// image without any.
  torch::Tensor strata() const;
  /// The images at these positions, int64 [n]; weights are again 1 on average, groups are numbered anew.
  ProbeRows subset(const torch::Tensor& positions) const;
};

/// set: kTrainingSet or kValidationSet. groups: int64 [N] of any values, or undefined: each image is one. Throws
/// NonFiniteFeatures; std::invalid_argument, naming the position in the dataset of an image whose target is no class,
/// for shapes that do not fit and for no images.
ProbeRows probe_rows(const char* set, const predict::Features& features, const torch::Tensor& groups,
                     std::int64_t num_classes, data::Task task, data::Balance balance);

/// Why the rows cannot be fitted and judged, as a sentence: one class or one group only. Empty: they can.
std::string why_not_fitted(const ProbeRows& rows);

/// The mean of the norms of the features, in chunks. Throws std::invalid_argument where it is 0.
double mean_norm(const torch::Tensor& features);

/// float64 [N]: 1 for a wrong prediction of a single label, the share of wrong decisions for several. logits: float
/// [N,K]; of equal logits the first counts.
torch::Tensor image_errors(const torch::Tensor& logits, const torch::Tensor& targets, data::Task task);

}  // namespace margay::train
