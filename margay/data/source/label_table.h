#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "margay/data/item.h"

namespace margay::data {

/// Which columns of a CSV say what.
struct LabelColumns {
  std::string name = "name";
  std::string label = "label";
  std::string is_valid = "is_valid";
};

/// A CSV that lists pictures: their names (relative to `root`, or just the file name), and where it has these
/// columns, their labels and whether they validate (1, true, yes; or 0, false, no, empty).
class LabelTable {
 public:
  /// Throws core::DataError or core::FormatError: no such file, column or row; a picture listed twice.
  static LabelTable read(const std::filesystem::path& csv, const std::filesystem::path& root,
                         const LabelColumns& columns = {});

  /// The pictures listed, in the order of the rows.
  /// Throws core::DataError naming up to three that do not exist.
  std::vector<std::filesystem::path> items() const;

  /// Labels by the label column. Throws core::DataError without that column.
  Labeller labels() const;

  bool has_split() const { return has_split_; }
  /// Splits by the is_valid column. The splitter throws core::DataError for pictures that the table does not list,
  /// and for rows whose picture is not among the items. Throws core::DataError without that column.
  Splitter split() const;

 private:
  struct Row {
    std::string name;
    std::string label;
    bool is_valid = false;
  };

  const Row* find(const std::filesystem::path& picture) const;

  std::filesystem::path csv_;
  std::filesystem::path root_;
  bool has_labels_ = false;
  bool has_split_ = false;
  std::vector<Row> rows_;
  std::map<std::string, std::size_t> by_name_;
};

}  // namespace margay::data
