#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/run_folder.h"
#include "margay/chart/line_chart.h"
#include "margay/train/learner.h"
#include "margay/train/lr_find/lr_find.h"

namespace margay::cli {

/// Losses of a training, of every step and of every epoch, and below them the learning rate.
std::vector<chart::LineChart> training_charts(const train::Learner& learner);

/// The smoothed loss over the learning rate, with what is suggested marked.
chart::LineChart lr_find_chart(const train::LrFindResult& found);

/// For this terminal: as wide as it is, without colours and braille where stdout is none.
std::string terminal_chart(const std::vector<chart::LineChart>& charts);

/// Throws what write_chart would throw for this path, before the work that the chart is of: std::invalid_argument for
/// another extension than .svg and .png, core::IoError where the folder is not there.
void check_chart_path(const std::filesystem::path& path);

/// Writes it as its extension says, .svg or .png. Throws core::IoError, and std::invalid_argument for another
/// extension.
void write_chart(const std::vector<chart::LineChart>& charts, const std::filesystem::path& path);

/// Training and validation loss of each epoch of a run, counted over all its stages.
chart::LineChart run_chart(const train::RunRecord& run);

/// One curve over the epochs for each run, all of one metric, "train_loss" or "valid_loss" (valid_loss unless given).
chart::LineChart overlaid_chart(const std::vector<ChosenRuns>& chosen, const std::optional<std::string>& metric);

}  // namespace margay::cli
