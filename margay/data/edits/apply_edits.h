#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/edits/label_edits.h"
#include "margay/data/source/label_columns.h"

namespace margay::data {

/// Where the labels of a dataset come from, and so what can be changed to change one.
enum class LabelPlace {
  kFolders,  ///< the name of the folder that holds the image
  kTable,    ///< a column, or columns, of a table
  kNames     ///< a part of the image's name or path: only a new table can say otherwise
};

struct ApplyOptions {
  LabelPlace place = LabelPlace::kFolders;
  std::filesystem::path table;      ///< kTable: the user's, which stays as it is
  LabelColumns columns;             ///< kTable: as it was read
  std::filesystem::path new_table;  ///< "": beside the user's, LABELS.cleaned.csv; else labels.csv in the folder
  bool move_files = false;  ///< kFolders: relabelled images go into the folder of their class, and no table is written
};

/// A file that is moved, both paths relative to the folder of the data.
struct PlannedMove {
  std::string from;
  std::string to;
  std::size_t decision = 0;
};

/// What apply_edits will do: to be shown before.
struct ApplyPlan {
  std::filesystem::path folder;
  std::vector<PlannedMove> deleted;     ///< into .margay/trash/N
  std::vector<PlannedMove> moved;       ///< into the folders of their classes
  std::vector<LabelEdit> relabelled;    ///< in the new table
  std::filesystem::path new_table;      ///< "": none is written
  std::string table_text;               ///< its content
  std::vector<std::string> impossible;  ///< what stays as it is and why, one sentence each
  std::size_t number = 1;               ///< of this application, from 1

  bool empty() const { return deleted.empty() && moved.empty() && new_table.empty(); }
  /// What will happen, in sentences.
  std::vector<std::string> sentences() const;
};

/// Plans what makes the decisions a part of the data; changes nothing. Throws core::DataError where an application
/// that was interrupted must be completed or undone first, where another journal than the one beside the data is to be
/// written to a folder that is read-only, and for a table that cannot be read; std::invalid_argument for `move_files`
/// where folders are not what gives the labels.
ApplyPlan plan_edits(const std::filesystem::path& folder, const LabelEdits& edits, const Items& items,
                     const ApplyOptions& options);

/// What has been done.
struct AppliedEdits {
  std::size_t number = 0;
  std::size_t moved = 0;
  std::filesystem::path new_table = "";
  std::vector<std::string> problems = {};  ///< what could not be done, and why
};

/// Does what the plan says. The whole plan is on the disk (`.margay/applied/N.jsonl`) before the first file is moved,
/// so that after a crash finish_apply() or undo_apply() goes on from wherever it stopped. Nothing is ever overwritten;
/// links are moved, not what they lead to. journal: the lock is held meanwhile. Throws core::IoError.
AppliedEdits apply_edits(const ApplyPlan& plan, Journal& journal);

/// The number of an application, or of an undoing, that was interrupted; nothing if there is none.
std::optional<std::size_t> unfinished_apply(const std::filesystem::path& folder);

/// Completes an interrupted application (or its undoing). Throws std::invalid_argument if there is none.
AppliedEdits finish_apply(const std::filesystem::path& folder);

/// Undoes the last application that is not undone: every file goes back, the new table goes away if nobody changed it
/// (else it stays and is told of), and the times of folders are set back. Throws std::invalid_argument if there is
/// none.
AppliedEdits undo_apply(const std::filesystem::path& folder);

}  // namespace margay::data
