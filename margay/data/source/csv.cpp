#include "margay/data/source/csv.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/text_file.h"

namespace margay::data {
namespace {

using Cells = std::vector<std::string>;

/// Reads one record at a time and keeps the line for messages.
class Parser {
 public:
  Parser(std::string_view text, const std::filesystem::path& path, char delimiter)
      : text_(text),
        path_(path),
        delimiter_(delimiter),
        ends_of_plain_{delimiter, '\r', '\n'},
        blanks_(delimiter == '\t' ? " " : " \t") {}

  bool at_end() const { return position_ >= text_.size(); }
  std::size_t line() const { return line_; }

  Cells record() {
    Cells cells;
    do {
      cells.push_back(cell());
    } while (take(delimiter_));
    end_of_record();
    return cells;
  }

 private:
  bool take(char expected) {
    if (at_end() || text_[position_] != expected) return false;
    ++position_;
    return true;
  }

  /// Blanks around a cell are no part of it, unless they are quoted.
  std::string cell() {
    const std::size_t first = std::min(text_.find_first_not_of(blanks_, position_), text_.size());
    if (first == text_.size() || text_[first] != '"') return plain();
    position_ = first + 1;
    std::string text = quoted();
    position_ = std::min(text_.find_first_not_of(blanks_, position_), text_.size());
    return text;
  }

  std::string plain() {
    const std::size_t end = std::min(text_.find_first_of(ends_of_plain_, position_), text_.size());
    const std::string_view text = text_.substr(position_, end - position_);
    position_ = end;
    return std::string(without_blank_ends(text));
  }

  std::string quoted() {
    const std::size_t opened = line_;
    std::string text;
    while (!at_end()) {
      const char c = text_[position_++];
      if (c == '"' && !take('"')) return text;
      if (c == '\n' || (c == '\r' && (at_end() || text_[position_] != '\n'))) ++line_;
      text += c;
    }
    throw core::FormatError(path_, fmt::format("line {}: a quote is opened and never closed", opened));
  }

  /// LF, CRLF, or CR alone, which old programs for the Macintosh write.
  void end_of_record() {
    const bool is_returned = take('\r');
    if (!take('\n') && !is_returned && !at_end()) {
      throw core::FormatError(path_,
                              fmt::format("line {}: text after a closing quote; double a quote inside quotes", line_));
    }
    ++line_;
  }

  std::string_view text_;
  const std::filesystem::path& path_;
  char delimiter_;
  std::string ends_of_plain_;
  std::string_view blanks_;
  std::size_t position_ = 0;
  std::size_t line_ = 1;
};

bool is_empty_line(const Cells& cells) { return cells.size() == 1 && cells.front().empty(); }

constexpr std::string_view kDelimiters = ",\t;|";

/// How often each of kDelimiters stands in the first line that holds something, outside quotes.
std::array<std::size_t, kDelimiters.size()> delimiters_in_header(std::string_view text) {
  std::array<std::size_t, kDelimiters.size()> counts{};
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  bool is_quoted = false;
  for (const char c : text) {
    if (c == '"') is_quoted = !is_quoted;
    if (is_quoted) continue;
    if (c == '\n' || c == '\r') break;
    const std::size_t at = kDelimiters.find(c);
    if (at != std::string_view::npos) ++counts[at];
  }
  return counts;
}

/// Excel's first line "sep=;", or "".
std::string_view separator_line(std::string_view text) {
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  const bool is_one = line.size() == 5 && line.starts_with("sep=");
  return is_one ? line : std::string_view();
}

}  // namespace

std::string_view without_blank_ends(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

std::string shortened(std::string_view cell) {
  constexpr std::size_t kColumns = 60;
  constexpr std::size_t kBytes = 1000;  // width is counted byte by byte
  return core::fitted(core::one_line(cell.substr(0, kBytes)), kColumns);
}

std::size_t CsvTable::column(const std::string& name) const {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found != columns.end()) return static_cast<std::size_t>(found - columns.begin());
  throw core::DataError(path, fmt::format("no column '{}' among {}{}", name, core::joined(columns, ", "),
                                          core::did_you_mean(name, columns)));
}

bool CsvTable::has_column(const std::string& name) const {
  return std::find(columns.begin(), columns.end(), name) != columns.end();
}

char delimiter_of(std::string_view text, const std::filesystem::path& path) {
  if (const std::string_view line = separator_line(text); !line.empty()) return line.back();
  const auto counts = delimiters_in_header(text);
  const std::filesystem::path extension = path.extension();
  const bool prefers_tabs = extension == ".tsv" || extension == ".tab";
  if (prefers_tabs && counts[kDelimiters.find('\t')] > 0) return '\t';
  const auto* const first = std::find_if(counts.begin(), counts.end(), [](std::size_t count) { return count > 0; });
  if (first == counts.end()) return prefers_tabs ? '\t' : ',';
  return kDelimiters[static_cast<std::size_t>(first - counts.begin())];
}

namespace {

std::string separation_remedy(bool are_too_many, char delimiter) {
  const std::string sign = delimiter == '\t' ? "tab" : std::string(1, delimiter);
  if (are_too_many) return fmt::format("put a cell that holds a '{}' into quotes", sign);
  return fmt::format(
      "cells are separated at '{}': if another sign separates them, say so in a line before the header, such as sep=;",
      sign);
}

}  // namespace

void for_each_record(std::string_view text, const std::filesystem::path& path, char delimiter, const TakeRecord& take) {
  Parser parser(text, path, delimiter);
  std::size_t width = 0;
  const bool begins_with_separator = !separator_line(text).empty();
  while (!parser.at_end()) {
    const std::size_t line = parser.line();
    Cells cells = parser.record();
    if (is_empty_line(cells) || (line == 1 && begins_with_separator)) continue;
    if (width == 0) width = cells.size();
    if (cells.size() != width) {
      throw core::FormatError(
          path, fmt::format("line {}: {}, but the first line has {}; {}", line, core::counted(cells.size(), "cell"),
                            width, separation_remedy(cells.size() > width, delimiter)));
    }
    take(line, std::move(cells));
  }
  if (width == 0) throw core::FormatError(path, "the table is empty; expected a header line");
}

CsvTable parse_csv(std::string bytes, const std::filesystem::path& path) {
  const std::string text = decode_text(std::move(bytes), path);
  CsvTable table{.path = path};
  for_each_record(text, path, delimiter_of(text, path), [&](std::size_t line, Cells&& cells) {
    if (table.columns.empty()) {
      table.columns = std::move(cells);
      table.header_line = line;
      return;
    }
    table.rows.push_back(std::move(cells));
    table.lines.push_back(line);
  });
  return table;
}

CsvTable read_csv(const std::filesystem::path& path) { return parse_csv(read_text(path), path); }

std::string csv_cell(std::string_view cell) {
  const bool has_blank_ends = !cell.empty() && (cell.front() == ' ' || cell.back() == ' ');
  if (!has_blank_ends && cell.find_first_of(",\"\r\n\t") == std::string_view::npos) return std::string(cell);
  std::string quoted = "\"";
  for (const char c : cell) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

namespace {

std::string delimiter_for(const Datasets& datasets) {
  if (datasets.train->task() == Task::kSingleLabel) return "";
  const std::vector<std::string> candidates = {";", "|", "/", ",", "\x1e", "\x1d", "\x1c"};
  const std::vector<std::string>& names = datasets.vocabulary.names();
  for (const std::string& delimiter : candidates) {
    const auto has_it = [&](const std::string& name) {
      const bool loses_blanks = delimiter.front() >= ' ' && without_blank_ends(name) != name;
      return loses_blanks || name.find(delimiter) != std::string::npos;
    };
    if (std::none_of(names.begin(), names.end(), has_it)) return delimiter;
  }
  throw std::invalid_argument("[save_table] every delimiter is part of some class's name");
}

std::string name_below(const Root& root, const std::filesystem::path& image) {
  const std::string name = root.relative(image.native());
  return name.starts_with("../") ? std::filesystem::absolute(image).generic_string() : name;
}

/// Classes by the names of the vocabulary.
std::string label_cell(const Datasets& datasets, const Dataset& part, std::size_t i, const std::string& delimiter) {
  std::string cell;
  bool is_first = true;
  for (const std::int64_t k : part.classes(i)) {
    cell += (is_first ? "" : delimiter) + datasets.vocabulary.name(k);
    is_first = false;
  }
  return cell;
}

std::string json_lines(const Datasets& datasets, const Root& root) {
  std::string text;
  for (const auto& part : {datasets.train, datasets.valid}) {
    for (std::size_t i = 0; i < part->size(); ++i) {
      nlohmann::ordered_json line = {{"name", name_below(root, part->path(i))}};
      line["labels"] = nlohmann::ordered_json::array();
      for (const std::int64_t k : part->classes(i)) line["labels"].push_back(datasets.vocabulary.name(k));
      line["is_valid"] = part == datasets.valid ? 1 : 0;
      try {
        text += line.dump() + "\n";
      } catch (const nlohmann::json::exception&) {
        throw core::DataError(part->path(i), "the name is not UTF-8, which JSON lines cannot hold; rename the file");
      }
    }
  }
  return text;
}

}  // namespace

std::string save_table(const Datasets& datasets, const std::filesystem::path& root, const std::filesystem::path& path) {
  const Root relative_to(root);
  if (path.extension() == ".jsonl") {
    core::write_file_atomically(path, json_lines(datasets, relative_to));
    return "";
  }
  const std::string delimiter = delimiter_for(datasets);
  std::string text = "name,label,is_valid\n";
  for (const auto& part : {datasets.train, datasets.valid}) {
    for (std::size_t i = 0; i < part->size(); ++i) {
      text += csv_cell(name_below(relative_to, part->path(i))) + ',';
      text += csv_cell(label_cell(datasets, *part, i, delimiter)) + (part == datasets.valid ? ",1\n" : ",0\n");
    }
  }
  core::write_file_atomically(path, text);
  return delimiter;
}

}  // namespace margay::data
