#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/run/compare_runs.h"
#include "margay/run/run_listing.h"

namespace margay::cli {

/// A comparison of runs with the first of them.
struct ComparedRuns {
  std::vector<run::RunResult> results;          ///< of all
  std::vector<run::RunComparison> comparisons;  ///< of each run but the first with the first
  std::vector<std::string> caveats;             ///< limits of the verdicts, one sentence each
};

/// chosen: at least two. metric: of the last epochs; by default the first metric of the first run. Throws
/// std::invalid_argument for a run without the metric, which suggests the nearest one.
ComparedRuns compare_chosen(const std::vector<run::ChosenRuns>& chosen, const std::optional<std::string>& metric);

/// The table, a verdict for each comparison, the caveats.
std::string compared_text(const ComparedRuns& compared);
nlohmann::ordered_json compared_json(const ComparedRuns& compared);

}  // namespace margay::cli
