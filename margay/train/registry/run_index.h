#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "margay/core/error.h"
#include "margay/train/registry/run_record.h"

namespace margay::train {

/// The file is no index of this version: damaged, no database, or made by an older version. A new one must be made.
class UnusableIndexError : public core::FormatError {
 public:
  using core::FormatError::FormatError;
};

/// The SQLite file that lists runs. Lives for one transaction or two: nothing is open between the epochs of a training,
/// so another process may put the file aside, and a fork carries no connection along.
///
/// It keeps SQLite's rollback journal: a write-ahead log needs shared memory, which network file systems lack, and
/// leaves files that a reader without the right to write cannot open. Writers wait for each other up to kBusyTimeoutMs.
///
/// Every call throws UnusableIndexError, core::FormatError for a file of a newer version, and core::IoError (busy, disk
/// full, no right to write).
class RunIndex {
 public:
  static constexpr int kBusyTimeoutMs = 20'000;

  /// Makes the file where there is none. One that may only be read can be read.
  explicit RunIndex(const std::filesystem::path& path);
  ~RunIndex();

  /// All runs with their epochs, by id.
  std::vector<RunRecord> all() const;

  /// Whether a run with this folder is listed.
  bool has(const std::string& folder) const;

  /// Lists the run under its folder and returns its id. A listed one keeps its id and its epochs, and gets everything
  /// else anew; epochs that the record brings are added as by add_epoch.
  std::int64_t put(const RunRecord& record);

  /// The same of many in one transaction; sets their ids.
  void put_all(std::span<RunRecord> records);

  /// Throws std::invalid_argument where the folder is not listed. An epoch of the same stage and number is replaced.
  void add_epoch(const std::string& folder, const RunEpoch& epoch);

 private:
  class Connection;  ///< SQLiteCpp stays in one file

  std::unique_ptr<Connection> connection_;
};

}  // namespace margay::train
