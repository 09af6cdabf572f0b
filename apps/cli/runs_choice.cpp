#include "apps/cli/runs_choice.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include <fmt/format.h>

#include "apps/cli/warn.h"
#include "margay/core/error.h"
#include "margay/train/registry/find_run.h"
#include "margay/train/registry/run_registry.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;
using train::RunRecord;

/// The folder of the run that a path leads to, or to a file of it, without a slash at its end.
fs::path run_folder_of(const std::string& text) {
  fs::path path = fs::absolute(text).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::error_code failure;
  if (fs::is_regular_file(path, failure)) path = path.parent_path();
  if (fs::is_directory(path, failure)) return path;
  throw core::DataError(text, "there is no such run");
}

ChosenRuns choose(const std::vector<RunRecord>& records, const std::string& text, const fs::path& runs) {
  const RunRecord& run = train::find_run(records, text, runs);
  if (run.group.empty() || (text != run.name && text != run.group)) return {text, {run}};
  ChosenRuns chosen{text, {}};
  std::copy_if(records.begin(), records.end(), std::back_inserter(chosen.runs),
               [&](const RunRecord& each) { return each.group == run.group; });
  const auto is_done = [](const RunRecord& each) { return each.status == train::RunStatus::kDone; };
  // Repeats that did not come to their end are no repeats of those that did.
  if (std::any_of(chosen.runs.begin(), chosen.runs.end(), is_done)) std::erase_if(chosen.runs, std::not_fn(is_done));
  return chosen;
}

}  // namespace

std::vector<RunRecord> runs_in(const fs::path& folder) { return train::RunRegistry(folder, warn).all(); }

ChosenRuns RunChooser::operator()(const std::string& text) {
  const bool is_path = text.find('/') != std::string::npos || text == ".";
  if (is_path) {
    const fs::path folder = run_folder_of(text);
    for (const RunRecord& each : runs_in(folder.parent_path())) {
      if (each.folder == folder.filename()) return {text, {each}};
    }
    throw core::DataError(text, "there is no run in this folder: it has no config.json");
  }
  if (!records_) records_ = runs_in(runs_);
  return choose(*records_, text, runs_);
}

}  // namespace margay::cli
