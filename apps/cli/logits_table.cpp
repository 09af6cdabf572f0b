#include "apps/cli/logits_table.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/cli/output.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/source/csv.h"

namespace margay::cli {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

/// A number as strtod reads it in the "C" locale, the program's, and nothing else but spaces around it.
std::optional<double> as_number(std::string_view cell) {
  const std::string digits(trimmed(cell));
  char* end = nullptr;
  const double number = std::strtod(digits.c_str(), &end);  // libc++ has no from_chars for double
  if (digits.empty() || end != digits.c_str() + digits.size()) return std::nullopt;
  return number;
}

bool is_number(const std::string& cell) { return as_number(cell).has_value(); }

std::vector<std::string> counted_from_zero(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < count; ++k) names.push_back(std::to_string(k));
  return names;
}

/// A table whose first line is numbers gets the header that it lacks; 0, 1, … K-1 is one, pandas' for unnamed columns.
void add_missing_header(data::CsvTable& table) {
  if (!std::all_of(table.columns.begin(), table.columns.end(), is_number)) return;
  std::vector<std::string> names = counted_from_zero(table.columns.size());
  if (table.columns == names) return;
  table.rows.insert(table.rows.begin(), std::move(table.columns));
  table.lines.insert(table.lines.begin(), table.header_line);
  table.columns = std::move(names);
}

void check_columns(const data::CsvTable& table) {
  const auto problem = [&](const std::string& what) {
    return core::DataError(table.path, fmt::format("line {}: {}", table.header_line, what));
  };
  for (auto at = table.columns.begin(); at != table.columns.end(); ++at) {
    if (at->empty()) throw problem("a column has no name; leave it out if it numbers the rows, as pandas' index does");
    if (std::find(table.columns.begin(), at, *at) == at) continue;
    throw problem(fmt::format("two columns are called '{}'; classes need different names", *at));
  }
}

/// Why a cell that is no number may stand there.
std::string not_a_number(const std::string& cell) {
  const bool has_other_separator = cell.find_first_of(";\t") != std::string::npos;
  std::string with_point = cell;
  std::replace(with_point.begin(), with_point.end(), ',', '.');
  if (with_point != cell && is_number(with_point)) {
    return fmt::format("'{}' is no number; write it with a point, {}", cell, with_point);
  }
  return fmt::format("'{}' is no number; {}", data::shortened(cell),
                     has_other_separator ? "cells are separated as the header's are"
                                         : "only the columns name and target hold text, and -inf excludes a class");
}

double activation(const data::CsvTable& table, std::size_t row, std::size_t column) {
  const std::string& cell = table.rows[row][column];
  const auto problem = [&](const std::string& what) {
    return core::DataError(table.path,
                           fmt::format("line {}, column '{}': {}", table.lines[row], table.columns[column], what));
  };
  const std::optional<double> number = as_number(cell);
  if (!number) throw problem(not_a_number(cell));
  if (std::isnan(*number)) throw problem("the activation is NaN: look for a division by 0 or a diverged training");
  if (std::isinf(*number) && *number > 0) {
    throw problem("the activation is +inf, which has no softmax: it overflowed, in half precision beyond 65504");
  }
  return *number;
}

std::vector<std::string> cells_below(const data::CsvTable& table, const std::string& column) {
  const std::size_t at = table.column(column);
  std::vector<std::string> cells;
  for (const auto& row : table.rows) cells.push_back(row[at]);
  return cells;
}

torch::Tensor logits_of(const data::CsvTable& table, const std::vector<std::size_t>& columns) {
  const auto n = static_cast<std::int64_t>(table.rows.size());
  torch::Tensor logits = torch::empty({n, static_cast<std::int64_t>(columns.size())}, torch::kDouble);
  double* number = logits.data_ptr<double>();
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    for (const std::size_t column : columns) *number++ = activation(table, row, column);
  }
  return logits;
}

LogitsTable logits_table(data::CsvTable table) {
  for (std::string& column : table.columns) column = trimmed(column);
  add_missing_header(table);
  check_columns(table);
  LogitsTable result;
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i] == "name" || table.columns[i] == "target") continue;
    columns.push_back(i);
    result.class_names.push_back(table.columns[i]);
  }
  if (columns.empty()) throw core::DataError(table.path, "no column of activations; each class needs one");
  if (table.rows.empty()) throw core::DataError(table.path, "the table has a header but no rows of activations");
  result.logits = logits_of(table, columns);
  if (table.has_column("name")) result.row_names = cells_below(table, "name");
  if (table.has_column("target")) result.targets = cells_below(table, "target");
  result.lines = std::move(table.lines);
  return result;
}

}  // namespace

LogitsTable read_logits(const std::filesystem::path& path) { return logits_table(data::read_csv(path)); }

LogitsTable parse_logits(std::string_view text, const std::filesystem::path& path) {
  return logits_table(data::parse_csv(std::string(text), path));
}

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

std::string trimmed_target(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find(separator, begin);
    parts.push_back(trimmed_target(text.substr(begin, end - begin)));
  }
  return parts;
}

[[noreturn]] void fail(const fs::path& path, const std::string& problem) {
  if (path.empty()) throw std::invalid_argument(problem);
  throw core::DataError(path, problem);
}

WrittenTargets listed(const std::string& text) {
  WrittenTargets written{.path = {}, .cells = split(text, ','), .places = {}};
  for (std::size_t i = 0; i < written.cells.size(); ++i) {
    written.places.push_back(fmt::format("entry {} of --targets", i + 1));
  }
  return written;
}

std::vector<std::string> places_of(const std::vector<std::size_t>& lines) {
  std::vector<std::string> places;
  places.reserve(lines.size());
  for (const std::size_t line : lines) places.push_back(fmt::format("line {}, column 'target'", line));
  return places;
}

void check_names_agree(const data::CsvTable& table, const LogitsTable& logits) {
  if (!table.has_column("name") || logits.row_names.empty()) return;
  const std::size_t at = table.column("name");
  for (std::size_t i = 0; i < std::min(table.rows.size(), logits.row_names.size()); ++i) {
    if (table.rows[i][at] == logits.row_names[i]) continue;
    throw core::DataError(
        table.path,
        fmt::format(
            "line {}: the target of '{}' stands where the logits are those of '{}'; put both files into the same order",
            table.lines[i], table.rows[i][at], logits.row_names[i]));
  }
}

WrittenTargets tabled(const fs::path& path, const LogitsTable& logits) {
  const data::CsvTable table = data::read_csv(path);
  const std::size_t at = table.column("target");
  check_names_agree(table, logits);
  WrittenTargets written{.path = path, .cells = {}, .places = places_of(table.lines)};
  for (const auto& row : table.rows) written.cells.push_back(trimmed_target(row[at]));
  return written;
}

bool names_a_file(const std::string& text) { return text.ends_with(".csv") || fs::is_regular_file(text); }

std::optional<std::size_t> as_index(const std::string& text) {
  std::size_t index = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return index;
}

std::string known_classes(const std::string& text, const Names& names) {
  constexpr std::size_t kFew = 12;
  constexpr std::size_t kShort = 3;  // of one or two letters, one slip leaves too little to guess from
  const bool are_few = names.size() <= kFew;
  const std::string suggestion = are_few && text.size() < kShort ? "" : core::did_you_mean(text, names);
  return suggestion.empty() && are_few ? fmt::format("; there are {}", core::joined(names, ", ")) : suggestion;
}

std::size_t class_index(const std::string& text, const Names& names, const WrittenTargets& written, std::size_t row,
                        const char* remedy = "") {
  auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    found = std::find_if(names.begin(), names.end(),
                         [&](const std::string& name) { return core::composed(name) == core::composed(text); });
  }
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  const std::optional<std::size_t> index = as_index(text);
  if (index && *index < names.size()) return *index;
  if (index) {
    fail(written.path, fmt::format("{}: {} is no class index; {} classes allow 0 to {}", written.places[row], text,
                                   names.size(), names.size() - 1));
  }
  fail(written.path,
       fmt::format("{}: no class '{}'{}{}", written.places[row], text, known_classes(text, names), remedy));
}

}  // namespace

std::optional<WrittenTargets> written_targets(const std::optional<std::string>& flag, const LogitsTable& table,
                                              const fs::path& table_path) {
  if (!flag && !table.targets) return std::nullopt;
  if (flag && table.targets) {
    throw std::invalid_argument(
        fmt::format("[explain] {} has a column 'target'; leave it or --targets out", shown_path(table_path)));
  }
  if (!flag) {
    WrittenTargets own{.path = table_path, .cells = {}, .places = places_of(table.lines)};
    for (const std::string& cell : *table.targets) own.cells.push_back(trimmed_target(cell));
    return own;
  }
  WrittenTargets written = names_a_file(*flag) ? tabled(*flag, table) : listed(*flag);
  const auto rows = static_cast<std::size_t>(table.logits.size(0));
  if (written.cells.size() == rows) return written;
  fail(written.path,
       fmt::format("{}{} targets for the {} rows of {}; each row needs one, which may be empty",
                   written.path.empty() ? "--targets: " : "", written.cells.size(), rows, shown_path(table_path)));
}

WrittenTargets written_label(const std::string& label) { return {.path = {}, .cells = {label}, .places = {"--label"}}; }

std::int64_t named_class(const std::string& flag, const std::string& name, const Names& class_names) {
  const WrittenTargets written{.path = {}, .cells = {name}, .places = {flag}};
  return static_cast<std::int64_t>(class_index(name, class_names, written, 0));
}

torch::Tensor class_targets(const WrittenTargets& written, const Names& class_names) {
  torch::Tensor targets = torch::full({static_cast<std::int64_t>(written.cells.size())}, -1, torch::kLong);
  for (std::size_t i = 0; i < written.cells.size(); ++i) {
    if (written.cells[i].empty()) continue;
    const bool are_several = written.cells[i].find(';') != std::string::npos;
    targets.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(
        class_index(written.cells[i], class_names, written, i, are_several ? "; several classes need --binary" : ""));
  }
  return targets;
}

torch::Tensor multi_label_targets(const WrittenTargets& written, const Names& class_names) {
  const std::size_t classes = class_names.size();
  torch::Tensor targets =
      torch::zeros({static_cast<std::int64_t>(written.cells.size()), static_cast<std::int64_t>(classes)}, torch::kBool);
  for (std::size_t i = 0; i < written.cells.size(); ++i) {
    for (const std::string& name : split(written.cells[i], ';')) {
      if (!name.empty()) targets.data_ptr<bool>()[i * classes + class_index(name, class_names, written, i)] = true;
    }
  }
  return targets;
}

}  // namespace margay::cli
