#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "margay/core/error.h"
#include "margay/run/run_record.h"

namespace margay::run {

/// The file is not an index of this version: it is damaged, not a database, or made by an older version. A new one must
/// be made.
class UnusableIndexError : public core::FormatError {
 public:
  using core::FormatError::FormatError;
};

/// The SQLite file that lists runs. An object lives for one or two transactions, so nothing is open between the epochs
/// of a training: another process may rename the file, and a fork inherits no connection.
///
/// It uses SQLite's rollback journal: a write-ahead log needs shared memory, which network file systems lack, and
/// leaves files that a reader without write permission cannot open. Writers wait for each other up to kBusyTimeoutMs.
///
/// Every call throws UnusableIndexError, core::FormatError for a file of a newer version, and core::IoError (busy, disk
/// full, no right to write).
class RunIndex {
 public:
  static constexpr int kBusyTimeoutMs = 20'000;

  /// Creates the file if there is none. A read-only file can be read.
  explicit RunIndex(const std::filesystem::path& path);
  ~RunIndex();

  /// All runs with their epochs, by id.
  std::vector<RunRecord> all() const;

  /// Whether a run with this folder is listed.
  bool has(const std::string& folder) const;

  /// Stores the run under its folder and returns its id. A run that is already listed keeps its id and its epochs;
  /// everything else is replaced. Epochs of the record are added as by add_epoch.
  std::int64_t put(const RunRecord& record);

  /// Stores many runs in one transaction and sets their ids.
  void put_all(std::span<RunRecord> records);

  /// Adds an epoch; one of the same stage and number is replaced. Throws std::invalid_argument if the folder is not
  /// listed.
  void add_epoch(const std::string& folder, const RunEpoch& epoch);

 private:
  class Connection;  ///< SQLiteCpp stays in one file

  std::unique_ptr<Connection> connection_;
};

}  // namespace margay::run
