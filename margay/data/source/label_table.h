#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "margay/data/item.h"
#include "margay/data/source/label_columns.h"

namespace margay::data {

/// A table (CSV, TSV or JSON lines) that lists pictures: their names (relative to `root`, or all of them to the table's
/// folder, or just the file name; the extension may be missing), and where it has these columns, their labels and who
/// validates: 1, true, yes, valid, val, validation; or 0, false, no, train, training, empty; rows that say test are
/// left out. A value; copies share the rows.
class LabelTable {
 public:
  /// Throws core::DataError or core::FormatError: no such file, no column of names, no row, a picture listed twice, a
  /// cell of a class's column that is neither 0 nor 1.
  static LabelTable read(const std::filesystem::path& table, const std::filesystem::path& root,
                         const LabelColumns& columns = {});

  /// The pictures listed, in the order of the rows, without those of the test.
  /// Throws core::DataError naming up to three that do not exist.
  PathList items() const;

  /// The label column's, or the classes' columns'. Throws core::DataError where there is none, where a cell is empty
  /// though the task is single-label (naming the lines), and for labels that differ only by blanks.
  Labeller labels() const;

  bool has_split() const;
  /// Splits by the is_valid column. The splitter throws core::DataError for pictures that the table does not list, for
  /// rows whose picture is not among the items, and for a name that two pictures have. Throws core::DataError without
  /// that column, core::FormatError for a text in it that says nothing.
  Splitter split() const;

  /// What is allowed but should be known, one sentence each: rows of the test that are left out.
  std::vector<std::string> warnings() const;

  struct Rows;  ///< label_rows.h

 private:
  explicit LabelTable(std::shared_ptr<const Rows> rows) : rows_(std::move(rows)) {}

  std::shared_ptr<const Rows> rows_;
};

}  // namespace margay::data
