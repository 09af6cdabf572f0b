#include "margay/run/run_watch.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/run/run_folder.h"
#include "margay/run/run_registry.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

constexpr std::array kWatchedFiles = {"config.json", "run.json",     "history.csv",
                                      "steps.jsonl", "model.margay", "probe.json"};
constexpr const char* kSteps = "steps.jsonl";

/// All folders below `runs`: one that is no run yet may become one.
std::vector<std::string> folders_below(const fs::path& runs) {
  std::vector<std::string> names;
  std::error_code failure;
  for (fs::directory_iterator at(runs, failure), end; !failure && at != end; at.increment(failure)) {
    std::error_code gone;
    const std::string name = at->path().filename().string();
    if (!name.starts_with('.') && at->is_directory(gone)) names.push_back(name);
  }
  if (failure && failure != std::errc::no_such_file_or_directory) {
    throw core::IoError(runs, "the folder of runs cannot be read", failure.value());
  }
  return names;
}

/// A folder with files of a run, but without those that say what it is.
std::optional<WatchedRun> unfinished_run(const fs::path& folder) {
  std::error_code none;
  const auto has = [&](const char* file) { return fs::exists(folder / file, none); };
  if (!has("history.csv") && !has(kSteps) && !has("model.margay") && !has("checkpoints")) return std::nullopt;
  WatchedRun run;
  run.record.folder = run.record.name = folder.filename().string();
  run.record.status = RunStatus::kInterrupted;
  run.record.epochs = read_history(folder / "history.csv");
  return run;
}

std::optional<WatchedRun> read_run(const fs::path& folder) {
  std::optional<WatchedRun> run;
  if (std::optional<RunRecord> record = read_run_folder(folder)) {
    run.emplace().record = std::move(*record);
  } else {
    run = unfinished_run(folder);
  }
  if (!run) return std::nullopt;
  run->problems = run_folder_problems(folder);
  std::error_code none;
  const std::uintmax_t bytes = fs::file_size(folder / kSteps, none);
  run->step_bytes = none ? 0 : bytes;
  return run;
}

WatchedRun settled(WatchedRun run) {
  if (run.record.status == RunStatus::kRunning) settle_running(run.record);
  return run;
}

}  // namespace

std::vector<std::string> RunWatch::look() {
  const std::vector<std::string> folders = folders_below(runs_);
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> changed;
  for (const std::string& folder : folders) {
    if (refresh(folder)) changed.push_back(folder);
  }
  const std::set<std::string> there(folders.begin(), folders.end());
  std::erase_if(entries_, [&](const auto& entry) {
    const bool is_gone = !there.contains(entry.first);
    if (is_gone) changed.push_back(entry.first);
    return is_gone;
  });
  return changed;
}

/// Whether something is other than before.
bool RunWatch::refresh(const std::string& folder) {
  Signature signature;
  for (const char* file : kWatchedFiles) {
    struct stat facts {};
    const bool is_there = ::stat((runs_ / folder / file).c_str(), &facts) == 0;
    signature.push_back(is_there ? facts.st_mtim.tv_sec * 1'000'000'000 + facts.st_mtim.tv_nsec : -1);
    signature.push_back(is_there ? facts.st_size : -1);
  }
  const auto known = entries_.find(folder);
  if (known != entries_.end() && known->second.signature == signature) {
    if (known->second.run.record.status != RunStatus::kRunning) return false;
    const Liveness now = liveness(known->second.run.record.process);
    return std::exchange(known->second.liveness, now) != now;
  }
  std::optional<WatchedRun> run = read_run(runs_ / folder);
  if (!run) return entries_.erase(folder) > 0;
  const Liveness alive = liveness(run->record.process);
  entries_.insert_or_assign(folder, Entry{std::move(signature), std::move(*run), alive});
  return true;
}

std::vector<WatchedRun> RunWatch::all() const {
  std::vector<WatchedRun> runs;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [folder, entry] : entries_) runs.push_back(settled(entry.run));
  }
  std::stable_sort(runs.begin(), runs.end(),
                   [](const WatchedRun& a, const WatchedRun& b) { return a.record.started > b.record.started; });
  return runs;
}

WatchedRun RunWatch::run(const std::string& folder) const {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(folder);
  if (found == entries_.end()) throw core::DataError(runs_ / folder, "there is no run in this folder");
  return settled(found->second.run);
}

}  // namespace margay::run
