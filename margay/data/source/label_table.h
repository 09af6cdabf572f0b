#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "margay/data/item.h"
#include "margay/data/source/label_columns.h"

namespace margay::data {

/// What becomes of images that are not there, and of rows without a label: an error, or they stay, for a check that
/// tells of each.
enum class Gaps { kRefuse, kKeep };

/// A table (CSV, TSV or JSON lines) that lists images: their names (relative to `root`, or all of them to the table's
/// folder, or just the file name; the extension may be missing), and where it has these columns, their labels and who
/// validates: 1, true, yes, valid, val, validation; or 0, false, no, train, training, empty; rows that say test are
/// left out. A value; copies share the rows.
class LabelTable {
 public:
  /// Throws core::DataError or core::FormatError: no such file, no column of names or groups, no row, an image listed
  /// twice, a cell of a class's column that is neither 0 nor 1.
  static LabelTable read(const std::filesystem::path& table, const std::filesystem::path& root,
                         const LabelColumns& columns = {});

  /// The images listed, in the order of the rows, without those of the test.
  /// Throws core::DataError naming up to three that do not exist; Gaps::kKeep lists them by the path they should have.
  PathList items(Gaps gaps = Gaps::kRefuse) const;

  /// The label column's, or the classes' columns'. Throws core::DataError where there is none, and where a cell is
  /// empty though the task is single-label (naming the lines); Gaps::kKeep gives those images no label.
  Labeller labels(Gaps gaps = Gaps::kRefuse) const;

  /// The texts of the column LabelColumns::group, for grouped_split and grouped_fold_split; an image whose cell is
  /// empty gets none. Throws std::invalid_argument where none was asked for.
  Labeller groups() const;

  /// Throws core::DataError where two columns may hold the split.
  bool has_split() const;
  /// Splits by the is_valid column. The splitter throws core::DataError for images that the table does not list, for
  /// rows whose image is not among the items, and for a name that two images have. Throws core::DataError without
  /// that column, core::FormatError for a text in it that says nothing.
  Splitter split() const;

  /// What is allowed but should be known, one sentence each: rows of the test that are left out, labels
  /// that differ only by blanks, two columns that may hold the split.
  std::vector<std::string> warnings() const;

  struct Rows;  ///< label_rows.h

 private:
  explicit LabelTable(std::shared_ptr<const Rows> rows) : rows_(std::move(rows)) {}

  std::shared_ptr<const Rows> rows_;
};

}  // namespace margay::data
