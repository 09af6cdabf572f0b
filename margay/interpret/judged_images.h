#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "margay/predict/prediction_file.h"

namespace margay::interpret {

/// For each of N images a list of class indices, ascending, in one block of memory.
struct ClassLists {
  std::vector<std::int64_t> first = {0};  ///< [N+1], where each list begins in `classes`
  std::vector<std::int32_t> classes;

  std::span<const std::int32_t> operator[](std::int64_t image) const {
    const auto i = static_cast<std::size_t>(image);
    return {classes.data() + first[i], static_cast<std::size_t>(first[i + 1] - first[i])};
  }
  void add(std::span<const std::int32_t> list);
};

/// What predictions say about each image, in columns [N], from one pass over the logits. This is all that most numbers
/// need, so that the logits are not touched again.
struct JudgedImages {
  bool has_labels = false;
  bool is_multi_label = false;
  double threshold =
      0.5;  ///< of several labels, for calibrated probabilities; it decides as the one for the logits' own

  std::vector<std::int32_t> best;    ///< the most probable class, the first of equal ones
  std::vector<std::int32_t> second;  ///< the next one; -1 where there is one class only
  std::vector<float> probability;    ///< of `best`, calibrated
  /// How far an image is from being predicted differently, 0 … 1: the probability of `best` less that of `second`; of
  /// several labels the least distance of a probability from the threshold.
  std::vector<float> margin;
  std::vector<std::int32_t>
      border_class;              ///< the class that would change first: `second`, or of several labels that one
  std::vector<bool> is_refused;  ///< "none of these"; empty where no image could be

  // With labels.
  std::vector<std::int32_t> label;       ///< the class; empty for several labels
  std::vector<float> label_probability;  ///< its probability; of several labels that of all being as they are
  std::vector<float> loss;               ///< calibrated (metric::image_losses), nats
  std::vector<std::int32_t> label_rank;  ///< how many classes come before the label; empty for several labels
  std::vector<bool> is_right;            ///< the prediction is the label, or all labels are right; false where refused

  // Several labels.
  ClassLists predicted_classes;  ///< decided by the logits' own probabilities, whatever the temperature
  ClassLists label_classes;

  std::int64_t size() const { return static_cast<std::int64_t>(best.size()); }
  bool refused(std::int64_t image) const { return !is_refused.empty() && is_refused[static_cast<std::size_t>(image)]; }
};

/// Judges predictions, in parts of some thousand images, whose probabilities are never all in memory. threshold:
/// several labels: a class is predicted where sigmoid(logit) exceeds it. Throws as KeptPredictions::check.
JudgedImages judge_images(const predict::KeptPredictions& predictions, double threshold = 0.5);

}  // namespace margay::interpret
