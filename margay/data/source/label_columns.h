#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/item.h"
#include "margay/data/source/table.h"

namespace margay::data {

/// The roles of a table's columns. An empty name means the only column that has one of the usual names, in any case:
/// 'name', 'file', 'filename', 'fname', 'image', 'path' and their like; 'label', 'labels', 'class', 'category',
/// 'target', 'tags' and their like; 'is_valid', 'split', 'subset'.
struct LabelColumns {
  std::string name;
  std::string label;
  std::string is_valid;
  /// The column that groups images, such as patient_id; "" for none.
  std::string group;
  /// The delimiter between several labels of a cell: ";", " ", …. With a delimiter, or if cells are JSON lists, the
  /// task is multi-label.
  std::string delimiter;
  /// Columns of 0 and 1, one for each class: their names, "prefix*" for all that begin so, "*" for all columns of 0 and
  /// 1. The task is then multi-label, and the columns' names are the classes.
  std::vector<std::string> one_hot;
};

/// A column, or the reason why there is none.
struct ColumnChoice {
  std::optional<std::size_t> position;
  std::string problem;        ///< completes "TABLE: "
  bool is_ambiguous = false;  ///< several columns fit
};

/// The column `wanted`, or the one of a usual name if that is "". Two columns of usual names are a problem.
ColumnChoice name_column(const Table& table, const std::string& wanted);
ColumnChoice label_column(const Table& table, const std::string& wanted);
ColumnChoice is_valid_column(const Table& table, const std::string& wanted);
/// The group column; there is no usual name for it.
ColumnChoice group_column(const Table& table, const std::string& wanted);

/// The columns that LabelColumns::one_hot selects. counts: whether a row's cells must be 0 or 1. Throws core::DataError
/// for a name or prefix that is not there, and core::FormatError naming line and column for a cell other than 0 and 1.
std::vector<std::size_t> one_hot_columns(const Table& table, const LabelColumns& columns,
                                         const std::function<bool(std::size_t row)>& counts);

/// True for 1, true or yes, false for 0, false or no, in any case; nothing for other texts.
std::optional<bool> truth(std::string_view cell);

/// The labels in a cell: one, none if it is empty, or those between delimiters (each once, without empty ones and
/// without the blanks around them).
Labels labels_in(std::string_view cell, const std::string& delimiter);

}  // namespace margay::data
