#include "margay/run/run_listing.h"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"

namespace margay::run {

namespace fs = std::filesystem;

RunListing::RunListing(const std::filesystem::path& runs, NewRun run, RunNote warn)
    : registry_(runs, warn), run_(std::move(run)), warn_(std::move(warn)) {}

void RunListing::begin() {
  try_to([&] { registry_.add(run_); });
}

void RunListing::after_epoch(train::Learner& learner, const train::Progress& /*at*/, const train::EpochRecord& record) {
  add(run_epoch(record, learner.metrics()));
}

void RunListing::add(const RunEpoch& results) {
  try_to([&] { registry_.add_epoch(run_.folder, results); });
}

void RunListing::finish(RunStatus status, const std::string& message, std::optional<std::size_t> saved_epoch) {
  // Whatever failed before: the run's own folder says how it ended, and the list takes all of it from there.
  write_or_warn([&] { registry_.finish(run_.folder, status, message, saved_epoch); });
}

void RunListing::try_to(const std::function<void()>& write) {
  if (!has_failed_) write_or_warn(write);
}

void RunListing::write_or_warn(const std::function<void()>& write) {
  try {
    write();
  } catch (const core::Error& error) {
    if (!std::exchange(has_failed_, true)) warn_(fmt::format("the run is not in the list of runs: {}", error.what()));
  }
}

namespace {

/// The folder of the run that a path leads to, or to a file of it, without a slash at its end.
fs::path run_folder_of(const std::string& text) {
  fs::path path = fs::absolute(text).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::error_code failure;
  if (fs::is_regular_file(path, failure)) path = path.parent_path();
  if (fs::is_directory(path, failure)) return path;
  throw core::DataError(text, "there is no such folder; give the folder, id or name of a run");
}

ChosenRuns choose(const std::vector<RunRecord>& records, const std::string& text, const fs::path& runs) {
  const RunRecord& run = find_run(records, text, runs);
  if (run.group.empty() || (text != run.name && text != run.group)) return {text, {run}};
  ChosenRuns chosen{text, {}};
  std::copy_if(records.begin(), records.end(), std::back_inserter(chosen.runs),
               [&](const RunRecord& each) { return each.group == run.group; });
  const auto is_done = [](const RunRecord& each) { return each.status == RunStatus::kDone; };
  // Repeats that did not come to their end are no repeats of those that did.
  if (std::any_of(chosen.runs.begin(), chosen.runs.end(), is_done)) std::erase_if(chosen.runs, std::not_fn(is_done));
  return chosen;
}

}  // namespace

ChosenRuns RunChooser::operator()(const std::string& text) {
  const bool is_path = text.find('/') != std::string::npos || text == ".";
  if (is_path) {
    const fs::path folder = run_folder_of(text);
    for (const RunRecord& each : RunRegistry(folder.parent_path(), warn_).all()) {
      if (each.folder == folder.filename()) return {text, {each}};
    }
    throw core::DataError(text, "there is no run in this folder: it has no config.json");
  }
  if (!records_) records_ = RunRegistry(runs_, warn_).all();
  return choose(*records_, text, runs_);
}

}  // namespace margay::run
