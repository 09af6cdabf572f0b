#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "margay/run/run_record.h"

namespace margay::run {

/// A run as the files of its folder tell.
struct WatchedRun {
  RunRecord record;
  /// What is wrong with the folder's files, a sentence for each; the record holds what could be read all the same.
  std::vector<std::string> problems;
  std::uint64_t step_bytes = 0;  ///< of steps.jsonl
};

/// Which folders (names) a look has found to be other than at the look before.
struct RunChanges {
  std::vector<std::string> runs;   ///< that are new, gone, or other in what a list shows of them
  std::vector<std::string> steps;  ///< that only have more steps
};

/// The runs below one folder, kept up to date by looking at the times and sizes of their files: also those of
/// trainings that other processes and other machines began. It reads the folders alone, writes nothing, and holds
/// nothing open. May be used from several threads.
class RunWatch {
 public:
  /// The folder need not exist yet.
  explicit RunWatch(std::filesystem::path runs) : runs_(std::move(runs)) {}

  /// Looks again. Throws core::IoError if the folder cannot be read.
  RunChanges look();

  /// As the last look found them, newest first.
  std::vector<WatchedRun> all() const;
  /// The run in that folder (its name). Throws core::DataError where the last look found none.
  WatchedRun run(const std::string& folder) const;
  /// Its status alone; nothing where the last look found none.
  std::optional<RunStatus> status(const std::string& folder) const;

  const std::filesystem::path& runs() const { return runs_; }

 private:
  /// The times and sizes of its files.
  using Signature = std::vector<std::int64_t>;
  struct Entry {
    Signature signature;
    WatchedRun run;  ///< as its files say; whether its process lives is asked when it is given away
    Liveness liveness = Liveness::kGone;
  };

  enum class Change { kNone, kSteps, kRun };
  Change refresh(const std::string& folder);

  std::filesystem::path runs_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;  ///< by the folder's name
};

}  // namespace margay::run
