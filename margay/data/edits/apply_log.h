#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "margay/data/edits/apply_edits.h"

namespace margay::data {

/// Where the logs of applications lie: `.margay/applied` in the folder of the data.
std::filesystem::path applied_folder(const std::filesystem::path& folder);
std::filesystem::path log_path(const std::filesystem::path& folder, std::size_t number);
/// The new table of an application, kept until it is at its place.
std::filesystem::path kept_table(const std::filesystem::path& folder, std::size_t number);

struct FolderTime {
  std::string folder;
  std::int64_t modified_ns = 0;
};

/// How far an application is; between kBegun and kDone, kUndoing and kUndone it was interrupted if nobody works on it.
enum class ApplyState { kBegun, kDone, kUndoing, kUndone };

constexpr auto names(ApplyState /*tag*/) {
  return std::array{std::pair{ApplyState::kBegun, "begun"}, std::pair{ApplyState::kDone, "done"},
                    std::pair{ApplyState::kUndoing, "undoing"}, std::pair{ApplyState::kUndone, "undone"}};
}

/// What is written down before anything is done.
struct ApplyLog {
  std::size_t number = 0;
  std::vector<PlannedMove> moves;
  std::vector<std::string> made;  ///< folders that are not there before, the outer ones first
  std::vector<FolderTime> times;  ///< of the folders whose entries change
  std::string new_table;          ///< relative, or absolute outside the folder
  std::string table_sha256;
  std::set<std::size_t> failed;  ///< moves that could not be done
  ApplyState state = ApplyState::kBegun;

  bool is_finished() const { return state == ApplyState::kDone || state == ApplyState::kUndone; }
};

/// A log as it stands on the disk before anything is done.
std::string log_text(const ApplyLog& log, const std::string& journal_sha256);

/// Throws core::DataError for one that cannot be read, core::NewerFormatError for one of a later version.
ApplyLog read_log(const std::filesystem::path& path);

/// Adds a state to the log of an application, and what could not be moved. Throws core::IoError.
void append_state(const std::filesystem::path& path, ApplyState state, const std::set<std::size_t>& failed);

/// Of all logs, in order.
std::vector<std::size_t> application_numbers(const std::filesystem::path& folder);

/// Throws core::DataError where an application, or its undoing, was interrupted.
void check_nothing_unfinished(const std::filesystem::path& folder);

}  // namespace margay::data
