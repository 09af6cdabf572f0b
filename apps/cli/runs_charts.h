#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/cli/runs_choice.h"
#include "margay/chart/line_chart.h"

namespace margay::cli {

/// Training and validation loss of each epoch of a run, counted over all its stages.
chart::LineChart run_chart(const train::RunRecord& run);

/// One curve over the epochs for each run, all of one metric, "train_loss" or "valid_loss" (valid_loss unless given).
chart::LineChart overlaid_chart(const std::vector<ChosenRuns>& chosen, const std::optional<std::string>& metric);

}  // namespace margay::cli
