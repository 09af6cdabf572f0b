#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "apps/cli/run_folder.h"
#include "margay/train/registry/compare_runs.h"

namespace margay::cli {

/// Runs beside the first of them.
struct ComparedRuns {
  std::vector<train::RunResult> results;          ///< of all
  std::vector<train::RunComparison> comparisons;  ///< of each but the first with the first
  std::vector<std::string> caveats;               ///< what the verdicts do not cover, a sentence each
};

/// chosen: two at least. metric: of the last epochs; the first metric of the first run unless given.
/// Throws std::invalid_argument for a run without the metric, with the nearest it has.
ComparedRuns compare_chosen(const std::vector<ChosenRuns>& chosen, const std::optional<std::string>& metric);

/// The table, a verdict for each comparison, the caveats.
std::string compared_text(const ComparedRuns& compared);
nlohmann::ordered_json compared_json(const ComparedRuns& compared);

}  // namespace margay::cli
