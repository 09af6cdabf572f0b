#pragma once

#include <string>
#include <vector>

#include "margay/train/registry/compare_runs.h"
#include "margay/train/registry/run_record.h"

namespace margay::cli {

/// A line for each run, in the order of `runs`: start, name, epochs, result with one standard error, time.
std::string run_list_text(const std::vector<train::RunRecord>& runs);

/// Times, status, result.
std::string run_heading_text(const train::RunRecord& run);

/// The settings of the run that are not the defaults.
std::string run_settings_text(const train::RunRecord& run);

/// A line for each epoch; "" without any.
std::string run_epochs_text(const train::RunRecord& run);

/// A line for each result, with its error bar.
std::string results_text(const std::vector<train::RunResult>& results);

/// A line for each setting that differs, under the names of both runs.
std::string difference_text(const std::vector<train::SettingDifference>& differences, const std::string& a,
                            const std::string& b);

/// The JSON of one run for `margay runs --json`, with the numbers of the list.
nlohmann::ordered_json run_summary_json(const train::RunRecord& run);

/// The settings of the run that differ from the defaults of `margay train`; `a` of each is the default.
std::vector<train::SettingDifference> changed_settings(const train::RunRecord& run);

}  // namespace margay::cli
