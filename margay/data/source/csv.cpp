#include "margay/data/source/csv.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/data/source/image_files.h"

namespace margay::data {
namespace {

using Cells = std::vector<std::string>;

constexpr const char* kLoneReturn =
    "a carriage return ends the line, without a line feed; save the table with line ends LF or CRLF, as 'CSV UTF-8' "
    "does";

/// Reads one record at a time and keeps the line for messages.
class Parser {
 public:
  Parser(std::string_view text, const std::filesystem::path& path, char delimiter)
      : text_(text), path_(path), delimiter_(delimiter), ends_of_plain_{delimiter, '\r', '\n'} {}

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

  std::string cell() { return take('"') ? quoted() : plain(); }

  std::string plain() {
    const std::size_t end = std::min(text_.find_first_of(ends_of_plain_, position_), text_.size());
    std::string text(text_.substr(position_, end - position_));
    position_ = end;
    return text;
  }

  std::string quoted() {
    const std::size_t opened = line_;
    std::string text;
    while (!at_end()) {
      const char c = text_[position_++];
      if (c == '"' && !take('"')) return text;
      if (c == '\n') ++line_;
      text += c;
    }
    throw core::FormatError(path_, fmt::format("line {}: a quote is opened and never closed", opened));
  }

  void end_of_record() {
    const bool is_returned = take('\r');
    if (!at_end() && !take('\n')) {
      if (is_returned) throw core::FormatError(path_, fmt::format("line {}: {}", line_, kLoneReturn));
      throw core::FormatError(path_,
                              fmt::format("line {}: text after a closing quote; double a quote inside quotes", line_));
    }
    ++line_;
  }

  std::string_view text_;
  const std::filesystem::path& path_;
  char delimiter_;
  std::string ends_of_plain_;
  std::size_t position_ = 0;
  std::size_t line_ = 1;
};

void check_encoding(std::string_view text, const std::filesystem::path& path) {
  if (!text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF")) return;
  throw core::FormatError(path, "the table is UTF-16; save it as UTF-8, such as 'CSV UTF-8'");
}

/// 0 for a pipe, which has none to ask for. The file stands at its begin again.
std::streamoff size_of(std::ifstream& file) {
  file.seekg(0, std::ios::end);
  const std::streamoff size = std::max<std::streamoff>(file.tellg(), 0);
  file.clear();
  if (size > 0) file.seekg(0);
  return size;
}

bool is_empty_line(const Cells& cells) { return cells.size() == 1 && cells.front().empty(); }

}  // namespace

std::size_t CsvTable::column(const std::string& name) const {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found != columns.end()) return static_cast<std::size_t>(found - columns.begin());
  throw core::DataError(path, fmt::format("no column '{}' among {}{}", name, fmt::join(columns, ", "),
                                          core::did_you_mean(name, columns)));
}

bool CsvTable::has_column(const std::string& name) const {
  return std::find(columns.begin(), columns.end(), name) != columns.end();
}

void for_each_record(std::string_view text, const std::filesystem::path& path, char delimiter, const TakeRecord& take) {
  check_encoding(text, path);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Parser parser(text, path, delimiter);
  std::size_t width = 0;
  while (!parser.at_end()) {
    const std::size_t line = parser.line();
    Cells cells = parser.record();
    if (is_empty_line(cells)) continue;
    if (width == 0) width = cells.size();
    if (cells.size() != width) {
      throw core::FormatError(path, fmt::format("line {}: {} cell{}, but the first line has {}", line, cells.size(),
                                                cells.size() == 1 ? "" : "s", width));
    }
    take(line, std::move(cells));
  }
  if (width == 0) throw core::FormatError(path, "the table is empty; expected a header line");
}

CsvTable parse_csv(std::string_view text, const std::filesystem::path& path) {
  CsvTable table{.path = path};
  for_each_record(text, path, ',', [&](std::size_t line, Cells&& cells) {
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

std::string read_text(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw core::DataError(path, "there is no such file" + how_far_it_exists(path));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(status)) {
    throw core::DataError(path, "no table can be read here; expected a file that may be read");
  }
  std::string text(static_cast<std::size_t>(size_of(file)), '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (file.peek() != std::ifstream::traits_type::eof()) {
    text.append(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return text;
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
    const auto has_it = [&](const std::string& name) { return name.find(delimiter) != std::string::npos; };
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
