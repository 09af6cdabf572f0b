#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/metric/bootstrap.h"
#include "margay/metric/paired.h"
#include "margay/predict/prediction_file.h"

namespace margay::interpret {

/// What one of two models said about an image.
struct ModelAnswer {
  std::string prediction;  ///< several labels are joined by ';'; "none of these" where refused
  double probability = 0;  ///< of the most probable class
  double loss = 0;
  bool is_right = false;
};

/// An image that two models predict differently.
struct DifferingImage {
  std::string name;
  std::string label;
  ModelAnswer first;
  ModelAnswer second;
};

/// Two models on the same images.
struct ModelComparison {
  std::int64_t images = 0;  ///< that both judge
  std::int64_t groups = 0;  ///< of them
  metric::Estimate first_accuracy;
  metric::Estimate second_accuracy;
  std::int64_t both_right = 0;
  std::int64_t both_wrong = 0;
  /// Of images; where they come in groups its p-values are too small, and error_difference tells.
  metric::McNemar mcnemar;
  metric::Difference error_difference;  ///< second − first of the error rates, groups kept together
  metric::Difference loss_difference;   ///< second − first of the mean losses, groups kept together
  /// One of them is right and the other wrong, or both are wrong in different ways; those that only the second gets
  /// wrong first, then those that only the first does, each by the difference of the losses.
  std::vector<DifferingImage> differing;
  std::vector<std::string> only_in_first;  ///< names of images that the second does not judge, at most 20
  std::vector<std::string> only_in_second;
  std::int64_t only_in_first_count = 0;
  std::int64_t only_in_second_count = 0;

  /// Every number, with the names of the fields above.
  nlohmann::ordered_json json() const;
};

/// Compares the predictions of two models image by image, matched by their names. Vocabularies may be in any order
/// and differ. Groups are those of the first predictions. Throws std::invalid_argument for predictions without
/// labels, of different tasks, without common images (naming one of each), and for an image whose labels differ (naming
/// it); core::DataError for a name that comes twice. Needs two images (or groups) at least.
ModelComparison compare_models(const predict::KeptPredictions& first, const predict::KeptPredictions& second,
                               double threshold = 0.5, double confidence = 0.95);

}  // namespace margay::interpret
