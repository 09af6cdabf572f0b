#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/metric/standard_error.h"
#include "margay/run/run_record.h"

namespace margay::run {

/// The result of one run, or of several repeats of it, in a metric: the values of the epochs whose weights the models
/// have.
struct RunResult {
  std::string label;
  std::string metric;
  std::vector<double> values;                ///< one for each run that has it
  std::optional<std::int64_t> valid_images;  ///< of each; absent if it is not known or differs

  /// NaN without values.
  double mean() const;
  /// One standard error of mean(): from the spread of repeats, or for one run from the number of images if the metric
  /// is a share of them. Absent if neither is known.
  std::optional<double> standard_error() const;
};

RunResult result_of(std::string label, const std::vector<RunRecord>& runs, const std::string& metric);

/// Where the noise of a comparison comes from.
enum class Noise {
  kImages,     ///< other validation images: two shares, unpaired
  kRepeats,    ///< other seeds: Welch's t between the repeats of both
  kOneRepeat,  ///< other seeds: one run against repeats
  kUnknown     ///< not known
};

/// A comparison of two results. It uses the noise of repeats if there is any, otherwise that of images.
struct RunComparison {
  RunResult a;
  RunResult b;
  Noise noise = Noise::kUnknown;
  metric::Difference difference;  ///< b − a; for kUnknown only the value is valid
};

/// Throws std::invalid_argument where both are not of one metric, or one has no value.
RunComparison compare_results(const RunResult& a, const RunResult& b);

/// One sentence: the difference, the noise, and whether the difference is significant.
std::string verdict(const RunComparison& comparison);

/// A setting that differs between two configurations, or that only one of them has.
struct SettingDifference {
  std::string key;  ///< dotted: "batch.loader.batch_size"
  std::optional<nlohmann::ordered_json> a;
  std::optional<nlohmann::ordered_json> b;
};

/// The settings that differ between two nested configurations, in the order of `a`, then those that only `b` has. Lists
/// are compared as a whole; 1 and 1.0 are equal.
std::vector<SettingDifference> config_difference(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace margay::run
