#include "margay/run/report_folder.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "margay/chart/render.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/predict/prediction_file.h"
#include "margay/run/training_charts.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

/// All files that a report can have, beside the kept predictions.
constexpr std::array kReportFiles = {
    "report.json",          "report.html",          "classes.csv",    "most_confused.csv", "top_losses.csv",
    "confusion_matrix.png", "confusion_matrix.svg", "classes.png",    "classes.svg",       "most_confused.png",
    "most_confused.svg",    "confidence.png",       "confidence.svg", "reliability.png",   "reliability.svg",
    "risk_coverage.png",    "risk_coverage.svg",    "losses.png",     "losses.svg",        "top_highest.png",
    "top_surely_wrong.png", "top_lowest.png",       "top_border.png", "top_least_sure.png"};

bool is_empty_or_missing(const fs::path& folder) {
  std::error_code ignored;
  return !fs::exists(folder, ignored) || (fs::is_directory(folder, ignored) && fs::is_empty(folder, ignored));
}

void check_place(const fs::path& folder, ExistingReport existing) {
  if (is_empty_or_missing(folder)) return;
  if (!fs::is_directory(folder)) {
    throw core::DataError(folder, "a report is a folder, and this is a file; give another name");
  }
  if (!is_report(folder)) {
    throw core::DataError(folder,
                          "this folder holds other things and no report, so nothing is written into it; give the name "
                          "of a new folder");
  }
  if (existing == ExistingReport::kReplace) return;
  throw core::DataError(folder, "there is a report already; `overwrite` replaces its files, or give another name");
}

/// The nearest folder that exists.
fs::path existing_parent(fs::path folder) {
  folder = fs::absolute(folder);
  while (!fs::exists(folder) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

}  // namespace

bool is_report(const fs::path& folder) { return predict::is_prediction_folder(folder); }

ReportFolder::ReportFolder(fs::path path, ExistingReport existing) : path_(std::move(path)) {
  if (path_.has_relative_path() && !path_.has_filename()) path_ = path_.parent_path();  // "report/"
  check_place(path_, existing);
  core::check_writable(existing_parent(path_) / "report.json");
}

fs::path ReportFolder::file(const std::string& name) {
  if (std::find(kReportFiles.begin(), kReportFiles.end(), name) == kReportFiles.end()) {
    throw std::invalid_argument(fmt::format("[report_folder] a report has no file '{}'", name));
  }
  if (std::find(files_.begin(), files_.end(), name) == files_.end()) files_.push_back(name);
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) throw core::IoError(path_, "the folder cannot be made", error.value());
  return path_ / name;
}

void ReportFolder::write(const std::string& name, std::string_view content) {
  core::write_file_atomically(file(name), content);
}

std::string ReportFolder::write_figure(const std::string& name, const chart::Drawing& drawing) {
  write(name + ".svg", chart::drawing_svg(drawing));
  return write_drawing(drawing, file(name + ".png"));
}

void ReportFolder::remove_stale_files() const {
  for (const char* name : kReportFiles) {
    if (std::find(files_.begin(), files_.end(), name) != files_.end()) continue;
    std::error_code error;
    fs::remove(path_ / name, error);
    if (error) throw core::IoError(path_ / name, "this file of an earlier report cannot be removed", error.value());
  }
}

}  // namespace margay::run
