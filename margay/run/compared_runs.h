#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/run/compare_runs.h"
#include "margay/run/run_listing.h"

namespace margay::run {

/// A comparison of runs with the first of them.
struct ComparedRuns {
  std::vector<RunResult> results;          ///< of all
  std::vector<RunComparison> comparisons;  ///< of each run but the first with the first
  std::vector<std::string> caveats;        ///< limits of the verdicts, one sentence each
};

/// chosen: at least two. metric: of the last epochs; by default the first metric of the first run. Throws
/// std::invalid_argument for a run without the metric, which suggests the nearest one.
ComparedRuns compare_chosen(const std::vector<ChosenRuns>& chosen, const std::optional<std::string>& metric);

nlohmann::ordered_json to_json(const ComparedRuns& compared);

/// A setting that is not the same in all of some runs.
struct DifferingSetting {
  std::string key;                                            ///< dotted: "batch.loader.batch_size"
  std::vector<std::optional<nlohmann::ordered_json>> values;  ///< of each run; absent where it knows no such setting
};

/// The settings that differ among the newest runs of each choice, in the order of the first one's.
std::vector<DifferingSetting> differing_settings(const std::vector<ChosenRuns>& chosen);

/// The settings of the run that differ from the defaults of a training, or of a probe; `a` of each is the default.
std::vector<SettingDifference> changed_settings(const RunRecord& run);

}  // namespace margay::run
