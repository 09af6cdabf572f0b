#pragma once

#include <string>
#include <vector>

#include "margay/run/compared_runs.h"
#include "margay/run/run_record.h"

namespace margay::cli {

/// A line for each run, in the order of `runs`: start, name, epochs, result with one standard error, time. A probe
/// is called so in the place of its epochs.
std::string run_list_text(const std::vector<run::RunRecord>& runs);

/// Times, status, result.
std::string run_heading_text(const run::RunRecord& run);

/// The settings of the run that are not the defaults.
std::string run_settings_text(const run::RunRecord& run);

/// A line for each epoch; "" without any.
std::string run_epochs_text(const run::RunRecord& run);

/// A line for each result, with its error bar.
std::string results_text(const std::vector<run::RunResult>& results);

/// The table, a verdict for each comparison, the caveats.
std::string compared_text(const run::ComparedRuns& compared);

/// A line for each setting that differs, under the names of both runs.
std::string difference_text(const std::vector<run::SettingDifference>& differences, const std::string& a,
                            const std::string& b);

/// The JSON of one run for `margay runs --json`, with the numbers of the list.
nlohmann::ordered_json run_summary_json(const run::RunRecord& run);

}  // namespace margay::cli
