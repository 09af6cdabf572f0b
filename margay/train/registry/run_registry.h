#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "margay/train/registry/run_record.h"

namespace margay::train {

/// Hears of what went wrong without stopping anything, one sentence each.
using RunNote = std::function<void(const std::string&)>;

/// The runs below one folder, listed in its margay.db. The folders are the truth and the database is an index of them:
/// a run it does not list is read from its folder (run_files.h), a listed one whose folder is gone is left out, and a
/// damaged or older database is renamed to margay.db.damaged-<time>, noted, and made anew from the folders.
///
/// Any number of threads and processes may use it at once; nothing is held open between calls.
class RunRegistry {
 public:
  /// The folder need not exist yet.
  explicit RunRegistry(std::filesystem::path runs, RunNote note = {});

  /// Lists a run that begins now in this process, and writes its run.json; its folder must exist. A folder that is
  /// listed already (a resumed run) keeps its id, start and epochs. Returns the id.
  /// This and the next two throw core::IoError, and core::FormatError where a newer version made the database.
  std::int64_t add(const NewRun& run);

  /// Adds an epoch to the run of this folder; one of the same stage and number is replaced.
  void add_epoch(const std::string& folder, const RunEpoch& epoch);

  /// Writes down how the run of this folder ended, in its run.json first.
  void finish(const std::string& folder, RunStatus status, const std::string& message = "");

  /// Every run whose folder is there, oldest first. A run that says it is running while its process is gone is given
  /// as interrupted. Runs that the database lacks are listed in it; where it cannot be used or written (no right to
  /// write, locked), they come from the folders, with id 0, and it stays as it is.
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

}  // namespace margay::train
