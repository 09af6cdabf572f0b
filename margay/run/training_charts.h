#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/chart/drawing.h"
#include "margay/chart/line_chart.h"
#include "margay/run/run_listing.h"
#include "margay/train/learner.h"
#include "margay/train/lr_find/lr_find.h"

namespace margay::run {

/// The losses of a training, of every step and every epoch, and below them the learning rate.
std::vector<chart::LineChart> training_charts(const train::Learner& learner);

/// The smoothed loss over the learning rate, with the suggestions marked.
chart::LineChart lr_find_chart(const train::LrFindResult& found);

/// Throws what write_chart would throw for this path, before the work for the chart is done: std::invalid_argument for
/// an extension other than .svg and .png, core::IoError if the folder does not exist or the file cannot be written.
void check_chart_path(const std::filesystem::path& path);

/// Writes the charts as .svg or .png, by the extension. Returns a warning if a PNG has letters that no font of this
/// machine has, otherwise "". Throws core::IoError, and std::invalid_argument for another extension.
[[nodiscard]] std::string write_chart(const std::vector<chart::LineChart>& charts, const std::filesystem::path& path);

/// Writes a drawing as PNG. Returns a warning or "" as write_chart does. Throws core::IoError.
[[nodiscard]] std::string write_drawing(const chart::Drawing& drawing, const std::filesystem::path& path);

/// Training and validation loss of each epoch of a run, counted over all its stages.
chart::LineChart run_chart(const RunRecord& run);

/// One curve over the epochs for each run, of one metric, "train_loss" or "valid_loss" (the default).
chart::LineChart overlaid_chart(const std::vector<ChosenRuns>& chosen, const std::optional<std::string>& metric);

}  // namespace margay::run
