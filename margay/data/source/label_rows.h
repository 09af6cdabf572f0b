#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/source/image_finder.h"
#include "margay/data/source/label_table.h"
#include "margay/data/source/table.h"

namespace margay::data {

/// The contents of a table, row by row. Errors in labels or split are reported when these are asked for.
struct LabelTable::Rows {
  enum class Part : std::uint8_t { kTrain, kValid, kTest };

  std::filesystem::path path;
  ImageNames names;
  std::vector<std::uint32_t> lines;
  Task task = Task::kSingleLabel;
  Items labels = Items(Task::kMultiLabel);  ///< of each row, without paths; a single-label row may lack its label
  std::string label_column;                 ///< the one in use
  std::string no_labels;                    ///< why there are no labels, or ""
  std::vector<Part> parts;                  ///< empty where no column holds the split
  std::string no_split;                     ///< why there is no split, or ""
  bool is_split_ambiguous = false;          ///< because several columns fit
  std::string bad_part;                     ///< the first cell with an invalid part, or ""
  std::string group_column;                 ///< "" if none was asked for
  Items groups = Items(Task::kMultiLabel);  ///< of each row, without paths; none where the cell is empty

  Rows(std::filesystem::path table, ImageNames no_names) : path(std::move(table)), names(std::move(no_names)) {}

  /// Throws as LabelTable::read.
  void read(const Table& table, const LabelColumns& columns);

  bool is_test(std::size_t row) const { return !parts.empty() && parts[row] == Part::kTest; }
  /// Nothing if a single-label row lacks its label.
  std::optional<Labels> labels_of(std::size_t row) const;
  std::optional<Labels> group_of(std::size_t row) const;
  /// Throws as LabelTable::labels.
  void check_labels(Gaps gaps) const;
  /// A warning about labels that differ from an earlier one only by white space, or "".
  std::string blank_warning() const;

 private:
  void read_names(const Table& table, const std::string& column);
  void read_labels(const Table& table, const LabelColumns& columns);
  void read_one_hot(const Table& table, const std::vector<std::size_t>& classes);
  void read_parts(const Table& table, const std::string& column);
  void read_groups(const Table& table, const std::string& column);
  void check_labels_are_there() const;
  std::size_t first_line_with(std::uint32_t label) const;
};

}  // namespace margay::data
