#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace margay::core {

/// How many columns of a terminal the text takes: one for each code point of its UTF-8, two for a wide one.
std::size_t text_width(std::string_view text);

/// The text on one line: line breaks, tabs and other control characters become spaces, so that a name from a file can
/// neither break a table nor steer a terminal.
std::string one_line(std::string_view text);

/// Columns of text that stand below each other whatever alphabet the cells are written in.
class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kRight;
  };

  explicit TextTable(std::vector<Column> columns);

  /// Throws std::invalid_argument unless there is one cell for each column.
  void add(std::vector<std::string> cells);

  /// The titles, then the rows; columns are two spaces apart, every line begins with `indent` and ends with a line
  /// break, and none ends with a space.
  std::string text(std::string_view indent = "") const;

 private:
  std::vector<std::size_t> widths() const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // the titles first
};

}  // namespace margay::core
