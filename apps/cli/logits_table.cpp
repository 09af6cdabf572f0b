#include "apps/cli/logits_table.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/error.h"
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
    throw problem(fmt::format("two columns are called '{}'; classes need names of their own", *at));
  }
}

/// Why a cell that is no number may stand there.
std::string not_a_number(const std::string& cell) {
  const bool has_other_separator = cell.find_first_of(";\t") != std::string::npos;
  return fmt::format("'{}' is no number; {}", cell,
                     has_other_separator ? "cells are separated by commas"
                                         : "only the columns name and target hold text, and -inf rules a class out");
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
  return logits_table(data::parse_csv(text, path));
}

}  // namespace margay::cli
