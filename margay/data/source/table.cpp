#include "margay/data/source/table.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/data/source/csv.h"

namespace margay::data {
namespace {

using Json = nlohmann::ordered_json;

bool is_json_lines(std::string_view text, const std::filesystem::path& path) {
  const std::filesystem::path extension = path.extension();
  if (extension == ".jsonl" || extension == ".ndjson") return true;
  const std::size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return first != std::string_view::npos && text[first] == '{';
}

char delimiter_of(std::string_view text, const std::filesystem::path& path) {
  const std::filesystem::path extension = path.extension();
  if (extension == ".tsv" || extension == ".tab") return '\t';
  const std::string_view header = text.substr(0, text.find('\n'));
  const bool has_tab = header.find('\t') != std::string_view::npos;
  return has_tab && header.find(',') == std::string_view::npos ? '\t' : ',';
}

/// Spreadsheets end every line with a comma for each column that once held something.
class Header {
 public:
  void read(std::size_t line, const std::vector<std::string>& cells, Table& table) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::size_t before = table.columns().size();
      if (table.add_column(cells[i]) == before) continue;
      if (!cells[i].empty()) {
        throw core::DataError(table.path(), fmt::format("line {}: two columns are called '{}'", line, cells[i]));
      }
      nameless_.push_back(i);
    }
  }

  /// Takes the cells without a name out. Throws core::FormatError where one holds something.
  void drop_nameless(std::size_t line, std::vector<std::string>& cells, const Table& table) const {
    for (auto i = nameless_.rbegin(); i != nameless_.rend(); ++i) {
      if (!cells[*i].empty()) {
        throw core::FormatError(
            table.path(),
            fmt::format("line {}: '{}' stands in column {}, which has no name; name it", line, cells[*i], *i + 1));
      }
      cells.erase(cells.begin() + static_cast<std::ptrdiff_t>(*i));
    }
  }

 private:
  std::vector<std::size_t> nameless_;  ///< but for the first, which pandas writes for its index
};

Table parse_separated(std::string_view text, const std::filesystem::path& path) {
  Table table(path);
  table.reserve(text.size());
  Header header;
  for_each_record(text, path, delimiter_of(text, path), [&](std::size_t line, std::vector<std::string>&& cells) {
    if (table.columns().empty()) return header.read(line, cells, table);
    header.drop_nameless(line, cells, table);
    table.add_row(line, cells);
  });
  return table;
}

/// One array around all objects, as many programs write, would be taken for CSV.
void check_not_an_array(std::string_view text, const std::filesystem::path& path) {
  constexpr const char* kBlanks = " \t\r\n\xEF\xBB\xBF";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos || text[first] != '[') return;
  const std::size_t second = text.find_first_not_of(kBlanks, first + 1);
  const bool holds_json = second != std::string_view::npos && (text[second] == '{' || text[second] == '[');
  if (!holds_json && path.extension() != ".json") return;
  throw core::FormatError(path,
                          "one JSON array; expected JSON lines, an object on each line (jq -c '.[]' writes them)");
}

std::string text_of(const Json& value, const std::string& where) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) {
    if (value.is_object()) throw std::invalid_argument(where + " is an object; expected a text, a number or a list");
    return value.dump();
  }
  std::string list(1, kListMark);
  bool is_first = true;
  for (const Json& each : value) {
    if (each.is_array()) throw std::invalid_argument(where + " is a list of lists; expected a list of texts");
    list += (is_first ? "" : std::string(1, kListMark)) + text_of(each, where);
    is_first = false;
  }
  return list;
}

void add_json_object(Table& table, std::size_t line, const std::string& text) {
  const Json object = Json::parse(text);
  if (!object.is_object()) throw std::invalid_argument("expected an object, such as {\"name\": \"a.jpg\"}");
  std::vector<std::string> cells(table.columns().size());
  for (const auto& [key, value] : object.items()) {
    const std::size_t column = table.add_column(key);
    cells.resize(table.columns().size());
    cells[column] = text_of(value, "'" + key + "'");
  }
  table.add_row(line, cells);
}

Table parse_json_lines(std::string_view text, const std::filesystem::path& path) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Table table(path);
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::string_view here = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(here.size() + 1, text.size()));
    if (here.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    try {
      add_json_object(table, line, std::string(here));
    } catch (const Json::exception& error) {
      throw core::FormatError(
          path, fmt::format("line {}: no JSON object; write one whole object on each line ({})", line, error.what()));
    } catch (const std::invalid_argument& error) {
      throw core::FormatError(path, fmt::format("line {}: {}", line, error.what()));
    }
  }
  return table;
}

}  // namespace

std::string_view Table::cell(std::size_t row, std::size_t column) const {
  const std::size_t cell = first_cell_[row] + column;
  if (cell >= first_cell_[row + 1]) return {};
  return std::string_view(text_).substr(begins_[cell], begins_[cell + 1] - begins_[cell]);
}

void Table::reserve(std::size_t bytes) { text_.reserve(bytes); }

std::size_t Table::add_column(const std::string& name) {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  const auto position = static_cast<std::size_t>(found - columns_.begin());
  if (found == columns_.end()) columns_.push_back(name);
  return position;
}

void Table::add_row(std::size_t line, const std::vector<std::string>& cells) {
  for (const std::string& cell : cells) {
    text_ += cell;
    begins_.push_back(text_.size());
  }
  first_cell_.push_back(static_cast<std::uint32_t>(begins_.size() - 1));
  lines_.push_back(static_cast<std::uint32_t>(line));
}

Table parse_table(std::string_view text, const std::filesystem::path& path) {
  check_not_an_array(text, path);
  Table table = is_json_lines(text, path) ? parse_json_lines(text, path) : parse_separated(text, path);
  if (table.size() > 0) return table;
  throw core::DataError(path, "the table has no rows");
}

Table read_table(const std::filesystem::path& path) { return parse_table(read_text(path), path); }

}  // namespace margay::data
