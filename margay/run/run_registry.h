#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "margay/run/run_record.h"

namespace margay::run {

/// Receives problems that stop nothing, one sentence each.
using RunNote = std::function<void(const std::string&)>;

/// Settles what is told of a run that is marked as running, whose end nobody wrote down: interrupted where its process
/// is gone; where that cannot be known from here, its message says so.
void settle_running(RunRecord& record);

/// The runs below one folder, listed in its margay.db. The folders are the truth, the database is only a cache of them:
/// a run that it does not list is read from its folder, a listed run whose folder is gone is left out, and a damaged or
/// older database is renamed to margay.db.damaged-<time>, reported, and made anew from the folders.
///
/// Any number of threads and processes may use it at once; nothing is held open between calls.
class RunRegistry {
 public:
  /// The folder need not exist yet.
  explicit RunRegistry(std::filesystem::path runs, RunNote note = {});

  /// Adds a run that begins now in this process, writes its run.json, and returns its id. Its folder must exist. A
  /// folder that is already listed (a resumed run) keeps its id, start and epochs. This and the next two functions
  /// throw core::IoError, and core::FormatError if a newer version made the database.
  std::int64_t add(const NewRun& run);

  /// Adds an epoch to the run of this folder; one of the same stage and number is replaced.
  void add_epoch(const std::string& folder, const RunEpoch& epoch);

  /// Records how the run of this folder ended, in its run.json first. saved_epoch: as RunRecord's.
  void finish(const std::string& folder, RunStatus status, const std::string& message = "",
              std::optional<std::size_t> saved_epoch = std::nullopt);

  /// Every run whose folder exists, oldest first. A run that is marked as running but whose process is gone is returned
  /// as interrupted. Runs that the database lacks are added to it. If it cannot be used or written (no permission,
  /// locked), they are read from the folders, with id 0, and it is not changed.
  /// Throws core::DataError where there is no such folder, core::IoError where it cannot be read.
  std::vector<RunRecord> all() const;

  const std::filesystem::path& runs() const { return runs_; }
  std::filesystem::path index_path() const { return runs_ / "margay.db"; }

 private:
  std::vector<RunRecord> listed() const;
  std::vector<RunRecord> unlisted(const std::vector<RunRecord>& listed, const std::vector<std::string>& folders) const;
  void list(std::vector<RunRecord>& records) const;
  void note(const std::string& text) const;

  std::filesystem::path runs_;
  RunNote note_;
};

}  // namespace margay::run
