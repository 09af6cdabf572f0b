#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/train/registry/run_record.h"

namespace margay::cli {

/// The runs of a folder; what is wrong with their index is said on stderr.
std::vector<train::RunRecord> runs_in(const std::filesystem::path& folder);

/// What a RUN on the command line stands for: one run, or all repeats of one that are done, oldest first.
struct ChosenRuns {
  std::string text;  ///< as written
  std::vector<train::RunRecord> runs;
};

/// Finds the runs of one folder, which it reads when first asked, or by their path anywhere. A name or a group stands
/// for all repeats; an id, a folder and a path for one run. Throws core::DataError with the nearest there is.
class RunChooser {
 public:
  explicit RunChooser(std::filesystem::path runs) : runs_(std::move(runs)) {}
  ChosenRuns operator()(const std::string& text);

 private:
  std::filesystem::path runs_;
  std::optional<std::vector<train::RunRecord>> records_;
};

}  // namespace margay::cli
