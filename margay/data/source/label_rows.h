#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/source/image_finder.h"
#include "margay/data/source/label_table.h"
#include "margay/data/source/part_names.h"
#include "margay/data/source/table.h"

namespace margay::data {

/// The contents of a table, image by image: rows that repeat an image count as one. Errors in labels or split are
/// reported when these are asked for.
struct LabelTable::Rows {
  std::filesystem::path path;
  ImageNames names;
  std::vector<std::uint32_t> lines;  ///< of each image, where it is listed first
  Task task = Task::kSingleLabel;
  Items labels = Items(Task::kMultiLabel);  ///< of each image, without paths; a single-label one may lack its label
  std::string label_column;                 ///< the one in use
  std::string no_labels;                    ///< why there are no labels, or ""
  std::vector<SplitPart> parts;             ///< empty where no column holds the split
  std::string no_split;                     ///< why there is no split, or ""
  bool is_split_ambiguous = false;          ///< because several columns fit
  std::string bad_part;                     ///< the first cell with an invalid part, or ""
  std::string group_column;                 ///< "" if none was asked for
  Items groups = Items(Task::kMultiLabel);  ///< of each image, without paths; none where the cell is empty
  std::string repeated;                     ///< a warning about rows that repeat an image, or ""

  Rows(std::filesystem::path table, ImageNames no_names) : path(std::move(table)), names(std::move(no_names)) {}

  /// Throws as LabelTable::read.
  void read(const Table& table, const LabelColumns& columns);

  bool is_test(std::size_t image) const { return !parts.empty() && parts[image] == SplitPart::kTest; }
  /// Nothing if a single-label image lacks its label.
  std::optional<Labels> labels_of(std::size_t image) const;
  std::optional<Labels> group_of(std::size_t image) const;
  /// Throws as LabelTable::labels.
  void check_labels(Gaps gaps) const;

 private:
  /// A cell with labels may not hold bytes that are not UTF-8.
  using LabelsOfRow = std::function<Labels(std::size_t row)>;

  std::size_t image_of(std::size_t row) const { return image_of_row_.empty() ? row : image_of_row_[row]; }
  void read_names(const Table& table, const std::string& column);
  void read_labels(const Table& table, const LabelColumns& columns);
  void read_label_column(const Table& table, std::size_t column, const std::string& delimiter);
  void read_parts(const Table& table, const std::string& column);
  void read_groups(const Table& table, const std::string& column);
  /// Of each image the labels of all its rows.
  void gather(const Table& table, const LabelsOfRow& labels_of_row);
  void check_repeats(const Table& table, const std::vector<Labels>& of_image, const LabelsOfRow& labels_of_row);
  void check_labels_are_there() const;

  std::vector<std::uint32_t> image_of_row_;  ///< empty where no row repeats an image
};

}  // namespace margay::data
