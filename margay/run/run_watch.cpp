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

constexpr const char* kSteps = "steps.jsonl";
/// The steps are last: a training writes them all the time, and of a run nothing else depends on them.
constexpr std::array kWatchedFiles = {"config.json", "run.json", "history.csv", "model.margay", "probe.json", kSteps};

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

RunChanges RunWatch::look() {
  const std::vector<std::string> folders = folders_below(runs_);
  const std::scoped_lock lock(mutex_);
  RunChanges changes;
  for (const std::string& folder : folders) {
    const Change change = refresh(folder);
    if (change == Change::kRun) changes.runs.push_back(folder);
    if (change == Change::kSteps) changes.steps.push_back(folder);
  }
  const std::set<std::string> there(folders.begin(), folders.end());
  std::erase_if(entries_, [&](const auto& entry) {
    const bool is_gone = !there.contains(entry.first);
    if (is_gone) changes.runs.push_back(entry.first);
    return is_gone;
  });
  return changes;
}

RunWatch::Change RunWatch::refresh(const std::string& folder) {
  Signature signature;
  for (const char* file : kWatchedFiles) {
    struct stat facts {};
    const bool is_there = ::stat((runs_ / folder / file).c_str(), &facts) == 0;
    signature.push_back(is_there ? facts.st_mtim.tv_sec * 1'000'000'000 + facts.st_mtim.tv_nsec : -1);
    signature.push_back(is_there ? facts.st_size : -1);
  }
  const auto known = entries_.find(folder);
  constexpr std::ptrdiff_t kOfSteps = 2;
  const auto is_same = [&](const Signature& before) {
    const bool come_or_go = (before.back() < 0) != (signature.back() < 0);
    return !come_or_go && std::equal(signature.begin(), signature.end() - kOfSteps, before.begin());
  };
  const bool is_same_run = known != entries_.end() && is_same(known->second.signature);
  if (!is_same_run) {
    std::optional<WatchedRun> run = read_run(runs_ / folder);
    if (!run) return entries_.erase(folder) > 0 ? Change::kRun : Change::kNone;
    const Liveness alive = liveness(run->record.process);
    entries_.insert_or_assign(folder, Entry{std::move(signature), std::move(*run), alive});
    return Change::kRun;
  }
  Entry& entry = known->second;
  const bool has_steps = entry.signature != signature;
  entry.run.step_bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(signature.back(), 0));
  entry.signature = std::move(signature);
  const bool is_running = entry.run.record.status == RunStatus::kRunning;
  const Liveness now = is_running ? liveness(entry.run.record.process) : entry.liveness;
  if (std::exchange(entry.liveness, now) != now) return Change::kRun;
  return has_steps ? Change::kSteps : Change::kNone;
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

std::optional<RunStatus> RunWatch::status(const std::string& folder) const {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(folder);
  if (found == entries_.end()) return std::nullopt;
  const Entry& entry = found->second;
  const bool has_died = entry.run.record.status == RunStatus::kRunning && entry.liveness == Liveness::kGone;
  return has_died ? RunStatus::kInterrupted : entry.run.record.status;
}

}  // namespace margay::run
