#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "margay/data/edits/label_edits.h"
#include "margay/data/source/label_columns.h"

namespace margay::data {

/// The text of a table of labels after decisions.
struct EditedTable {
  std::string text;
  std::size_t changed = 0;              ///< images with other labels
  std::size_t taken_out = 0;            ///< deleted images
  std::vector<std::string> impossible;  ///< decisions that the table cannot hold, and why
};

/// The user's table with the decided labels and without the rows of deleted images. All other rows, columns, quotes and
/// line ends stay byte by byte; what was UTF-16 becomes UTF-8. columns: as the table was read. items: the images that
/// it lists. Throws as LabelTable::read.
EditedTable edited_table(const std::filesystem::path& table, const std::filesystem::path& root,
                         const LabelColumns& columns, const Items& items, const LabelEdits& edits);

/// A new table (CSV: name, label) of all images that are not deleted, for data whose labels are in no table. items:
/// with the labels of the data itself. validates: of each item, for a third column is_valid, so that the split stays
/// what it is when images are gone; empty: no such column.
EditedTable table_of_all(const std::filesystem::path& root, const Items& items, const LabelEdits& edits,
                         const std::vector<bool>& validates = {});

}  // namespace margay::data
