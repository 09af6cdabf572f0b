#pragma once

#include <cstddef>
#include <cstdint>
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
  std::int64_t label_levels = 1;    ///< kFolders: the label is the name of the folder so many levels up
  std::filesystem::path table;      ///< kTable: the user's, which stays as it is
  LabelColumns columns;             ///< kTable: as it was read
  std::filesystem::path new_table;  ///< "": LABELS.cleaned.csv beside the user's; without one labels.csv in the folder
  std::vector<bool> validates;      ///< of each item, for a table of all images (column is_valid); empty: no column
  bool move_files = false;          ///< kFolders: relabelled images go into the folder of their class; no table then
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
  std::size_t number = 1;               ///< of this application, from 1
  std::vector<PlannedMove> deleted;     ///< into .margay/trash/NUMBER, by the path they have
  std::vector<PlannedMove> moved;       ///< into the folders of their classes
  std::filesystem::path new_table;      ///< "": none is written
  std::string table_text;               ///< its content
  std::size_t relabelled = 0;           ///< images whose label is another one in the new table
  std::vector<std::string> impossible;  ///< what stays as it is and why, one clause each
  std::string journal_sha256;           ///< of the decisions that it follows from

  bool empty() const { return deleted.empty() && moved.empty() && new_table.empty(); }
  /// What will happen, in sentences.
  std::vector<std::string> sentences() const;
};

/// Plans what makes the decisions a part of the data; changes nothing. folder: the root of the journal
/// (LabelEdits::root). items: the images of the edits with the labels of the data itself. Throws core::DataError where
/// an application that was interrupted must be completed or undone first, for a new table whose name is taken, and for
/// a table that cannot be read; std::invalid_argument for `move_files` where folders are not what gives the labels, and
/// for `validates` of another length than the items.
ApplyPlan plan_edits(const std::filesystem::path& folder, const LabelEdits& edits, const Items& items,
                     const ApplyOptions& options);

/// What has been done.
struct AppliedEdits {
  std::size_t number = 0;
  std::size_t moved = 0;                 ///< files that are at their new place
  std::filesystem::path new_table = "";  ///< "": none was written (or it was taken back)
  bool is_undone = false;                ///< it was an undoing
  /// Not: the table could not be written, or files wait to go back, so the application counts as interrupted, and
  /// finish_apply() and undo_apply() try it again.
  bool is_complete = true;
  std::vector<std::string> problems = {};  ///< what could not be done, and why
};

/// Does what the plan says. The whole plan is on the disk (`.margay/applied/NUMBER.jsonl`) before the first file is
/// moved, so that after a crash finish_apply() or undo_apply() goes on from wherever it stopped. The new table is
/// written before a file is moved. Nothing is ever overwritten; links are moved, not what they lead to. The journal's
/// lock is held meanwhile. Throws core::DataError if the journal has grown since the plan was made, core::IoError where
/// the plan cannot be written.
AppliedEdits apply_edits(const ApplyPlan& plan, Journal& journal);

/// The number of an application, or of an undoing, that was interrupted; nothing if there is none.
std::optional<std::size_t> unfinished_apply(const std::filesystem::path& folder);

/// Completes an interrupted application, or its undoing. Throws std::invalid_argument if there is none.
AppliedEdits finish_apply(const std::filesystem::path& folder);

/// Undoes the last application that is not undone, an interrupted one too: every file goes back to where it was, the
/// new table goes unless somebody changed it, folders that were made go if they are empty, and folders get the times
/// back that they had. A file whose place is taken stays, and the undoing is not complete. Throws std::invalid_argument
/// if there is none.
AppliedEdits undo_apply(const std::filesystem::path& folder);

}  // namespace margay::data
