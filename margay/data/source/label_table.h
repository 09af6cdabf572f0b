#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "margay/data/item.h"
#include "margay/data/source/label_columns.h"
#include "margay/data/source/left_out.h"

namespace margay::data {

/// How missing images and rows without a label are treated: as an error, or kept, for a check that reports each of
/// them.
enum class Gaps { kRefuse, kKeep };

/// A table (CSV, TSV or JSON lines) that lists images: their names (relative to `root`, or all of them to the table's
/// folder, or just the file names of images anywhere below `root`; the extension may be missing), and where it has
/// these columns, their labels and who validates: 1, true, yes, valid, val, validation; or 0, false, no, train,
/// training, empty; rows that say test are left out. A value; copies share the rows.
class LabelTable {
 public:
  /// Throws core::DataError or core::FormatError: no such file, no column of names or groups, no row, an image listed
  /// twice, a cell of a class's column that is neither 0 nor 1.
  static LabelTable read(const std::filesystem::path& table, const std::filesystem::path& root,
                         const LabelColumns& columns = {});

  /// The images listed, in the order of the rows, without those of the test.
  /// Throws core::DataError, which names up to three images that do not exist; with Gaps::kKeep they are listed by the
  /// path they should have.
  PathList items(Gaps gaps = Gaps::kRefuse) const;
  /// left_out: takes the images in the folders of those listed that the table does not list.
  PathList items(Gaps gaps, LeftOut& left_out) const;

  /// The labels from the label column or from the columns of the classes. Throws core::DataError if there are none, and
  /// for empty cells of a single-label task (naming the lines); with Gaps::kKeep those images get no label.
  Labeller labels(Gaps gaps = Gaps::kRefuse) const;

  /// The groups from the column LabelColumns::group, for grouped_split and grouped_fold_split. An image whose cell is
  /// empty gets none. Throws std::invalid_argument where none was asked for.
  Labeller groups() const;

  /// Throws core::DataError where two columns may hold the split.
  bool has_split() const;
  /// Splits by the is_valid column. The splitter throws core::DataError for images that the table does not list, for
  /// rows whose image is not among the items, and for a name that two images have. Throws core::DataError without
  /// that column, core::FormatError for a text in it that says nothing.
  Splitter split() const;

  /// Warnings, one sentence each: rows of the test set that are left out, labels that differ only by white space, two
  /// columns that may hold the split.
  std::vector<std::string> warnings() const;

  struct Rows;  ///< label_rows.h

 private:
  explicit LabelTable(std::shared_ptr<const Rows> rows) : rows_(std::move(rows)) {}

  std::shared_ptr<const Rows> rows_;
};

}  // namespace margay::data
