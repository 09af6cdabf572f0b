#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <torch/types.h>
#include <nlohmann/json_fwd.hpp>

#include "margay/data/item.h"
#include "margay/metric/paired.h"
#include "margay/predict/predictions.h"

namespace margay::train {

/// How a classifier does on each image of a set.
struct ImageScores {
  torch::Tensor ids;     ///< int64 [N], positions in the dataset, ascending
  torch::Tensor losses;  ///< float64 [N], nats
  /// float64 [N]: 1 where the largest logit is not the target's, else 0; of several labels the share of them on the
  /// wrong side of the probability ½.
  torch::Tensor errors;
};

ImageScores image_scores(const predict::Predictions& predictions, data::Task task);

enum class TuningVerdict { kBetter, kWorse, kWithinNoise };

constexpr auto names(TuningVerdict /*tag*/) {
  return std::array{std::pair{TuningVerdict::kBetter, "better"}, std::pair{TuningVerdict::kWorse, "worse"},
                    std::pair{TuningVerdict::kWithinNoise, "within noise"}};
}

/// A tuned classifier against the one that it began as, on the same images.
struct TuningComparison {
  std::int64_t images = 0;
  double start_error = 0, end_error = 0;
  double start_loss = 0, end_loss = 0;
  metric::Difference loss;                 ///< end − start, paired
  metric::Difference error;                ///< end − start, paired
  std::optional<metric::McNemar> mcnemar;  ///< absent for several labels and for images in groups: `error` then decides
  TuningVerdict verdict = TuningVerdict::kWithinNoise;

  /// How sure the difference of the errors is: McNemar's mid-p, else that of `error`.
  double error_p() const { return mcnemar ? mcnemar->mid_p : error.p_value; }
  /// Whether the tuned classifier is to be kept: it is better, or within noise its loss is not higher.
  bool is_end_better() const;
  /// "better than its probe on the same 385 images: error .1325 after .1479 (8 images lost, 14 won, p .21), loss …"
  std::string text() const;
};

/// Level of the tests: so often are equals called different.
inline constexpr double kTuningLevel = 0.05;

/// Error and loss are tested apart. The tuned one is worse if either is worse beyond chance, better if either is better
/// and none is worse, else within noise. Errors of one label per image by McNemar's test (mid-p), losses by Student's t
/// of the paired differences; images in groups, which are not independent, by the t of clustered differences for both.
/// groups: int64 [N] of start's images; undefined: each is one of its own. Images that only one has are left out.
/// Throws std::invalid_argument for fewer than two images, or groups, in common.
TuningComparison compare_tuning(const ImageScores& start, const ImageScores& end, const torch::Tensor& groups = {});

/// Non-finite numbers are null.
nlohmann::ordered_json to_json(const TuningComparison& comparison);

}  // namespace margay::train
