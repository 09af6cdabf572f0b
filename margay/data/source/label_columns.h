#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/item.h"
#include "margay/data/source/table.h"

namespace margay::data {

/// Which columns of a table say what. An empty name means the usual ones: 'name' or, if only one of them is there,
/// 'file', 'filename', 'fname', 'image', 'path' and their like; 'label', 'labels', 'class', 'category', 'target',
/// 'tags' and their like; 'is_valid', 'split', 'subset'.
struct LabelColumns {
  std::string name;
  std::string label;
  std::string is_valid;
  /// The column whose texts group images, such as patient_id; "" for none.
  std::string group;
  /// Between several labels of a cell: ";", " ", …. A table with it is multi-label, and so is one whose cells are JSON
  /// lists.
  std::string delimiter;
  /// One column for each class, of 0 and 1: their names, "prefix*" for those that begin so, "*" for all that hold
  /// nothing else. The task is then multi-label, and classes are called as the columns.
  std::vector<std::string> one_hot;
};

/// A column, or why there is none.
struct ColumnChoice {
  std::optional<std::size_t> position;
  std::string problem;        ///< completes "TABLE: "
  bool is_ambiguous = false;  ///< because several fit
};

/// The column `wanted`, or where that is "" the usual one. A column of the usual name wins over its synonyms; two
/// synonyms are a problem.
ColumnChoice name_column(const Table& table, const std::string& wanted);
ColumnChoice label_column(const Table& table, const std::string& wanted);
ColumnChoice is_valid_column(const Table& table, const std::string& wanted);
/// There is no usual one.
ColumnChoice group_column(const Table& table, const std::string& wanted);

/// The columns that LabelColumns::one_hot means. counts: whether a row's cells must say 0 or 1. Throws core::DataError
/// for a name or prefix that is not there, and core::FormatError naming line and column for a cell other than 0 and 1.
std::vector<std::size_t> one_hot_columns(const Table& table, const LabelColumns& columns,
                                         const std::function<bool(std::size_t row)>& counts);

/// Whether 1, true or yes stands there, or 0, false or no; nothing for other texts.
std::optional<bool> truth(std::string_view cell);

/// The labels in a cell: one, none where it is empty, or those between delimiters (each once, empty ones left out).
Labels labels_in(std::string_view cell, const std::string& delimiter);

}  // namespace margay::data
