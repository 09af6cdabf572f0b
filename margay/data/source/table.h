#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace margay::data {

/// In JSON lines, a list in a cell is stored as its texts, each preceded by this byte (ASCII's unit separator).
constexpr char kListMark = '\x1f';

/// A table of text of any length, with all cells in one block of memory, read from CSV, TSV or JSON lines.
class Table {
 public:
  enum class Names { kFirstRow, kEveryRow };
  explicit Table(std::filesystem::path path, Names names = Names::kFirstRow)
      : path_(std::move(path)), has_header_(names == Names::kFirstRow) {}

  const std::filesystem::path& path() const { return path_; }
  const std::vector<std::string>& columns() const { return columns_; }
  /// Whether the columns' names are the first row; JSON lines have them in every row.
  bool has_header() const { return has_header_; }
  std::size_t size() const { return lines_.size(); }
  /// "" if a row of JSON lines lacks the key. row and column must exist; they are not checked.
  std::string_view cell(std::size_t row, std::size_t column) const;
  /// The line where the row begins, counted from 1.
  std::size_t line(std::size_t row) const { return lines_[row]; }

  /// Reserves memory for cells of so many bytes in total; growing would briefly need twice the memory.
  void reserve(std::size_t bytes);
  /// The position of the column of that name, which is added if there is none.
  std::size_t add_column(const std::string& name);
  /// cells: in the order of columns(); some may be missing at the end.
  void add_row(std::size_t line, const std::vector<std::string>& cells);

 private:
  std::filesystem::path path_;
  bool has_header_;
  std::vector<std::string> columns_;
  std::string text_;
  std::vector<std::uint64_t> begins_ = {0};  ///< of cell i in text_; one more at the end
  std::vector<std::uint32_t> first_cell_ = {0};
  std::vector<std::uint32_t> lines_;
};

/// Reads CSV (as read_csv, with every delimiter it knows; rows of empty cells are skipped) or JSON lines (.jsonl or
/// .ndjson, or text that begins with a brace): an object on each line, its values texts, numbers, truth values, null or
/// lists of those. Cells may hold bytes that are not UTF-8, since names of files may; the header may not.
/// Throws core::FormatError naming the line, also for one JSON array; core::DataError for a missing file, for two
/// columns of one name, and where there is no row. Columns without a name but for the first are left out where they are
/// empty, else core::FormatError.
Table read_table(const std::filesystem::path& path);

/// The same for the bytes of a file; the path determines the format and names it in errors.
Table parse_table(std::string bytes, const std::filesystem::path& path);

}  // namespace margay::data
