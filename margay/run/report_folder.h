#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "margay/chart/drawing.h"

namespace margay::run {

/// What becomes of a report that lies in the folder already.
enum class ExistingReport { kRefuse, kReplace };

/// The folder of an evaluation's report. Only files of its own are ever written or removed in it: those whose names are
/// in kReportFiles, and the kept predictions (predict::save_predictions).
class ReportFolder {
 public:
  /// Makes nothing yet. Throws core::DataError for a path that is a file, for a folder that holds anything and is no
  /// report (so that a wrong path cannot be written over), and for a report unless it may be replaced; core::IoError
  /// where nothing can be written, before the work for the report is done.
  ReportFolder(std::filesystem::path path, ExistingReport existing);

  const std::filesystem::path& path() const { return path_; }
  /// The path of a file of the report, which is from now on one of this report. Throws std::invalid_argument for a name
  /// that is not in kReportFiles.
  std::filesystem::path file(const std::string& name);
  /// Replaces the file in one step. Throws core::IoError.
  void write(const std::string& name, std::string_view content);
  /// Writes NAME.png and NAME.svg. Returns a warning or "" as write_drawing does.
  [[nodiscard]] std::string write_figure(const std::string& name, const chart::Drawing& drawing);
  /// Removes the files of an earlier report that this one does not have. Throws core::IoError.
  void remove_stale_files() const;
  /// Names of the files so far, in the order they came.
  const std::vector<std::string>& files() const { return files_; }

 private:
  std::filesystem::path path_;
  std::vector<std::string> files_;
};

/// Whether a folder is a report, or one that was begun: it holds kept predictions.
bool is_report(const std::filesystem::path& folder);

}  // namespace margay::run
