#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "margay/data/dataset.h"

namespace margay::data {

/// A table of text. Every row has as many cells as there are columns.
struct CsvTable {
  std::filesystem::path path;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::size_t header_line = 1;     ///< the line of `columns`, counted from 1
  std::vector<std::size_t> lines;  ///< the line where each row begins

  /// The position of a column. Throws core::DataError, which lists the columns and suggests the nearest.
  std::size_t column(const std::string& name) const;
  bool has_column(const std::string& name) const;
};

/// Comma-separated values with a header line, by RFC 4180: quotes, doubled quotes, line breaks in quotes. Lines end in
/// LF, CRLF or CR; empty ones are skipped. Blanks around a cell are dropped, unless they are quoted. The cells may be
/// separated otherwise, see delimiter_of.
/// Throws core::FormatError naming the line, and as read_text.
CsvTable read_csv(const std::filesystem::path& path);

/// The same for the bytes of a file; `path` only names it in errors.
CsvTable parse_csv(std::string bytes, const std::filesystem::path& path);

/// What separates the cells: what Excel's first line "sep=;" says; in a file named .tsv or .tab the tab, if its header
/// has one; else the first of comma, tab, semicolon and bar that the header has outside quotes. text: as of read_text.
char delimiter_of(std::string_view text, const std::filesystem::path& path);

/// Takes one record and the line on which it begins.
using TakeRecord = std::function<void(std::size_t line, std::vector<std::string>&& cells)>;

/// Passes on the records of a text as read_text gives it one by one, the header first. All have as many cells as the
/// header. Throws core::FormatError naming the line.
void for_each_record(std::string_view text, const std::filesystem::path& path, char delimiter, const TakeRecord& take);

/// The text without the spaces and tabs at its ends.
std::string_view without_blank_ends(std::string_view text);

/// The cell for a message: on one line, at most 60 columns of a terminal.
std::string shortened(std::string_view cell);

/// `cell` as RFC 4180 writes it: quoted if it contains a comma, a quote, a line end, or white space at its ends.
std::string csv_cell(std::string_view cell);

/// Writes the images, labels and split (name, label, is_valid), the training images first, so that a LabelTable of the
/// same root gives the same datasets: the same images in the same order on both sides. A path that ends in .jsonl gets
/// JSON lines, whose lists of labels need no delimiter; any other CSV. Names are relative to root, absolute outside it.
/// Replaces the file in one step. Returns the delimiter for reading several labels of a CSV (LabelColumns::delimiter):
/// the first of ; | / , that is in no label, else a byte that is in none; "" where the task is single-label, and for
/// JSON lines. Throws core::IoError when it cannot be written, core::DataError for JSON lines with a file name that is
/// not UTF-8.
std::string save_table(const Datasets& datasets, const std::filesystem::path& root, const std::filesystem::path& path);

}  // namespace margay::data
