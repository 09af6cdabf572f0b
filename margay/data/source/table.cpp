#include "margay/data/source/table.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/text_file.h"

namespace margay::data {
namespace {

using Json = nlohmann::ordered_json;

bool is_json_lines(std::string_view text, const std::filesystem::path& path) {
  const std::filesystem::path extension = path.extension();
  if (extension == ".jsonl" || extension == ".ndjson") return true;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

/// Spreadsheets end every line with a comma for each column that once held something.
class Header {
 public:
  void read(std::size_t line, const std::vector<std::string>& cells, Table& table) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string name = as_header(cells[i], line, table.path());
      const std::size_t before = table.columns().size();
      if (table.add_column(name) == before) continue;
      if (!name.empty()) {
        throw core::DataError(
            table.path(),
            fmt::format("line {}: two columns are called '{}'; give one another name, or take it out", line, name));
      }
      nameless_.push_back(i);
    }
  }

  /// Takes the cells without a name out. Throws core::FormatError where one holds something.
  void drop_nameless(std::size_t line, std::vector<std::string>& cells, const Table& table) const {
    for (auto i = nameless_.rbegin(); i != nameless_.rend(); ++i) {
      if (!cells[*i].empty()) {
        throw core::FormatError(table.path(),
                                fmt::format("line {}: '{}' stands in column {}, which has no name; name it", line,
                                            shortened(cells[*i]), *i + 1));
      }
      cells.erase(cells.begin() + static_cast<std::ptrdiff_t>(*i));
    }
  }

 private:
  static std::string as_header(const std::string& cell, std::size_t line, const std::filesystem::path& path) {
    const std::string problem = encoding_problem(cell, path);
    if (!problem.empty()) throw core::FormatError(path, fmt::format("line {}: {}", line, problem));
    return std::string(without_blank_ends(cell));
  }

  std::vector<std::size_t> nameless_;  ///< but for the first, which pandas writes for its index
};

/// As spreadsheets leave below and above a table.
bool is_blank_row(const std::vector<std::string>& cells) {
  return std::all_of(cells.begin(), cells.end(), [](const std::string& cell) { return cell.empty(); });
}

Table parse_separated(std::string_view text, const std::filesystem::path& path) {
  Table table(path);
  table.reserve(text.size());
  Header header;
  for_each_record(text, path, delimiter_of(text, path), [&](std::size_t line, std::vector<std::string>&& cells) {
    if (is_blank_row(cells)) return;
    if (table.columns().empty()) return header.read(line, cells, table);
    header.drop_nameless(line, cells, table);
    table.add_row(line, cells);
  });
  return table;
}

/// One array around all objects, as many programs write, would be taken for CSV.
void check_not_an_array(std::string_view text, const std::filesystem::path& path) {
  constexpr const char* kBlanks = " \t\r\n";
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

/// Throws std::invalid_argument where a key comes twice, of which the parser would keep the last, and for lists within
/// lists that no table has.
Json parse_object(const std::string& text) {
  std::set<std::string> keys;
  return Json::parse(text, [&](int depth, Json::parse_event_t event, Json& parsed) {
    constexpr int kDeepest = 16;
    if (depth > kDeepest) throw std::invalid_argument("its lists and objects lie too deep in each other");
    if (depth == 1 && event == Json::parse_event_t::key && !keys.insert(parsed.get<std::string>()).second) {
      throw std::invalid_argument(fmt::format("two values are called '{}'", parsed.get<std::string>()));
    }
    return true;
  });
}

void add_json_object(Table& table, std::size_t line, const std::string& text) {
  const Json object = parse_object(text);
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
  Table table(path, Table::Names::kEveryRow);
  for_each_line(text, [&](std::size_t line, std::string_view here) {
    if (here.find_first_not_of(" \t") == std::string_view::npos) return;
    try {
      add_json_object(table, line, std::string(here));
    } catch (const Json::exception& error) {
      throw core::FormatError(
          path, fmt::format("line {}: no JSON object; write one whole object on each line ({})", line, error.what()));
    } catch (const std::invalid_argument& error) {
      throw core::FormatError(path, fmt::format("line {}: {}", line, error.what()));
    }
  });
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

Table parse_table(std::string bytes, const std::filesystem::path& path) {
  const std::string text = decode_text(std::move(bytes), path, OtherBytes::kKeep);
  check_not_an_array(text, path);
  Table table = is_json_lines(text, path) ? parse_json_lines(text, path) : parse_separated(text, path);
  if (table.size() > 0) return table;
  throw core::DataError(path, table.columns().empty() ? "the table has no rows"
                                                      : "the table has no rows below its header, the first one");
}

Table read_table(const std::filesystem::path& path) { return parse_table(read_text(path, OtherBytes::kKeep), path); }

}  // namespace margay::data
