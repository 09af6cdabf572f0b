#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/metric/standard_error.h"
#include "margay/train/registry/run_record.h"

namespace margay::train {

/// What one run, or several repeats of one, reached in a metric: the values of their last epochs.
struct RunResult {
  std::string label;
  std::string metric;
  std::vector<double> values;                ///< one for each run that has it
  std::optional<std::int64_t> valid_images;  ///< that judged each; absent where it is not known or not the same

  /// NaN without values.
  double mean() const;
  /// One standard error of mean(): of repeats by their spread, of one run by the number of images where the metric is
  /// a share of them. Absent where nothing can be said.
  std::optional<double> standard_error() const;
};

RunResult result_of(std::string label, const std::vector<RunRecord>& runs, const std::string& metric);

/// Where the noise of a comparison comes from.
enum class Noise {
  kImages,     ///< other validation images: two shares, unpaired
  kRepeats,    ///< other seeds: Welch's t between the repeats of both
  kOneRepeat,  ///< other seeds: one run against repeats
  kUnknown     ///< nothing is known of it
};

/// Two results side by side. The noise of repeats is used where there is any, else that of images.
struct RunComparison {
  RunResult a;
  RunResult b;
  Noise noise = Noise::kUnknown;
  metric::Difference difference;  ///< b − a; of kUnknown only the value counts
};

/// Throws std::invalid_argument where both are not of one metric, or one has no value.
RunComparison compare_results(const RunResult& a, const RunResult& b);

/// One sentence: how far b is from a, how large the noise is, and whether a difference can be claimed.
std::string verdict(const RunComparison& comparison);

/// A setting that two configurations give different values, or that only one of them has.
struct SettingDifference {
  std::string key;  ///< dotted: "batch.loader.batch_size"
  std::optional<nlohmann::ordered_json> a;
  std::optional<nlohmann::ordered_json> b;
};

/// The leaves in which two nested configurations differ, in the order of `a`, then those that only `b` has. Lists are
/// leaves; 1 and 1.0 are the same.
std::vector<SettingDifference> config_difference(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace margay::train
