#include "margay/data/source/label_columns.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/image_name.h"

namespace margay::data {
namespace {

/// The usual name first.
constexpr std::array<std::string_view, 16> kNames = {
    "name",     "file",      "filename",   "file_name", "fname",   "image", "image_id", "image_name",
    "filepath", "file_path", "image_path", "path",      "picture", "img",   "id",       "image_file"};
constexpr std::array<std::string_view, 10> kLabelsName = {"label",      "labels", "class", "classes", "category",
                                                          "categories", "target", "tag",   "tags",    "class_name"};
constexpr std::array<std::string_view, 4> kSplits = {"is_valid", "split", "subset", "is_validation"};

/// By its bytes, else by what they look like.
std::optional<std::size_t> position(const Table& table, std::string_view name) {
  const auto& columns = table.columns();
  const auto at = [&](auto found) {
    return found == columns.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - columns.begin()));
  };
  if (const auto exact = at(std::find(columns.begin(), columns.end(), name))) return exact;
  return at(std::find_if(columns.begin(), columns.end(),
                         [&](const std::string& column) { return core::composed(column) == core::composed(name); }));
}

/// Of a table with thousands of columns the first.
std::string listed_columns(const Table& table) {
  constexpr std::size_t kShown = 20;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(kShown, table.columns().size()); ++i) {
    shown.push_back(shortened(table.columns()[i]));
  }
  const std::size_t hidden = table.columns().size() - shown.size();
  return fmt::format("{}{}", core::joined(shown, ", "), hidden > 0 ? fmt::format(" and {} more", hidden) : "");
}

/// Of a table whose first row is no header; "" for others.
std::string header_problem(const Table& table) {
  if (!table.has_header()) return "";
  const auto& columns = table.columns();
  const auto image = std::find_if(columns.begin(), columns.end(),
                                  [](const std::string& column) { return !image_extension(column).empty(); });
  if (image == columns.end()) return "";
  return fmt::format(
      "; the first row is taken as the header, but '{}' in it looks like an image: put a row with the "
      "columns' names above it, such as name,label",
      shortened(*image));
}

ColumnChoice no_column(const Table& table, std::string_view name) {
  return {std::nullopt, fmt::format("no column '{}' among {}{}{}", name, listed_columns(table), header_problem(table),
                                    core::did_you_mean(name, table.columns()))};
}

std::vector<std::size_t> columns_called(const Table& table, std::span<const std::string_view> usual) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < table.columns().size(); ++i) {
    if (std::find(usual.begin(), usual.end(), core::folded(table.columns()[i])) != usual.end()) found.push_back(i);
  }
  return found;
}

std::string several_columns(const Table& table, const std::vector<std::size_t>& found) {
  std::string text = found.size() == 2 ? "both columns " : "the columns ";
  for (std::size_t i = 0; i < found.size(); ++i) {
    text += fmt::format("{}'{}'", i == 0 ? "" : i + 1 == found.size() ? " and " : ", ", table.columns()[found[i]]);
  }
  return text;
}

/// `meaning`: what the column says; `option`: the field that chooses it.
ColumnChoice choose(const Table& table, const std::string& wanted, std::span<const std::string_view> usual,
                    const char* meaning, const char* option) {
  if (!wanted.empty()) {
    const auto chosen = position(table, wanted);
    return chosen ? ColumnChoice{chosen, ""} : no_column(table, wanted);
  }
  const std::vector<std::size_t> found = columns_called(table, usual);
  if (found.size() == 1) return {found.front(), ""};
  if (found.empty()) {
    ColumnChoice none = no_column(table, usual.front());
    if (!header_problem(table).empty()) return none;
    none.problem += fmt::format("; say which one holds {} with `{}`", meaning, option);
    return none;
  }
  return {std::nullopt,
          fmt::format("{} may hold {}; say which with `{}`", several_columns(table, found), meaning, option), true};
}

using Counts = std::function<bool(std::size_t row)>;

/// The first row with a cell that is neither 0 nor 1.
std::optional<std::size_t> row_without_truth(const Table& table, std::size_t column, const Counts& counts) {
  for (std::size_t row = 0; row < table.size(); ++row) {
    if (counts(row) && !truth(table.cell(row, column))) return row;
  }
  return std::nullopt;
}

void check_truths(const Table& table, std::size_t column, const Counts& counts) {
  const auto row = row_without_truth(table, column, counts);
  if (!row) return;
  throw core::FormatError(
      table.path(),
      fmt::format("line {}, column '{}': '{}' is neither 0 nor 1; a column for a class must be 0 or 1 in every row",
                  table.line(*row), table.columns()[column], shortened(table.cell(*row, column))));
}

}  // namespace

ColumnChoice name_column(const Table& table, const std::string& wanted) {
  ColumnChoice choice = choose(table, wanted, kNames, "the names of the images", "name_column");
  if (choice.position || choice.is_ambiguous || !wanted.empty()) return choice;
  if (table.has_header() && header_problem(table).empty()) {
    choice.problem +=
        "; the first row is taken as the header: a table without one needs a row with the columns' names above it";
  }
  return choice;
}

ColumnChoice label_column(const Table& table, const std::string& wanted) {
  return choose(table, wanted, kLabelsName, "the labels", "label_column");
}

ColumnChoice is_valid_column(const Table& table, const std::string& wanted) {
  return choose(table, wanted, kSplits, "the split", "valid_column");
}

ColumnChoice group_column(const Table& table, const std::string& wanted) {
  const auto exact = position(table, wanted);
  return exact ? ColumnChoice{exact, ""} : no_column(table, wanted);
}

std::vector<std::size_t> one_hot_columns(const Table& table, const LabelColumns& columns, const Counts& counts) {
  const auto name = name_column(table, columns.name).position;
  const auto valid = is_valid_column(table, columns.is_valid).position;
  const auto group = position(table, columns.group);
  std::vector<std::size_t> chosen;
  for (const std::string& wanted : columns.one_hot) {
    const bool is_prefix = wanted.ends_with('*');
    const std::string_view prefix = std::string_view(wanted).substr(0, wanted.size() - (is_prefix ? 1 : 0));
    const std::size_t before = chosen.size();
    for (std::size_t i = 0; i < table.columns().size(); ++i) {
      if (is_prefix ? !table.columns()[i].starts_with(prefix) || i == name || i == valid || i == group
                    : core::composed(table.columns()[i]) != core::composed(wanted)) {
        continue;
      }
      if (wanted == "*" && row_without_truth(table, i, counts)) continue;
      if (wanted != "*") check_truths(table, i, counts);
      if (std::find(chosen.begin(), chosen.end(), i) == chosen.end()) chosen.push_back(i);
    }
    if (chosen.size() > before) continue;
    throw core::DataError(table.path(),
                          fmt::format("no column '{}' for a class among {}{}", wanted, listed_columns(table),
                                      core::did_you_mean(prefix, table.columns())));
  }
  return chosen;
}

std::optional<bool> truth(std::string_view cell) {
  const std::string text = core::lower_case(std::string(cell));
  if (text == "1" || text == "true" || text == "yes" || text == "1.0") return true;
  if (text == "0" || text == "false" || text == "no" || text == "0.0") return false;
  return std::nullopt;
}

Labels labels_in(std::string_view cell, const std::string& delimiter) {
  const bool is_list = cell.starts_with(kListMark);
  const std::string_view between = is_list ? std::string_view(&kListMark, 1) : std::string_view(delimiter);
  if (is_list) cell.remove_prefix(1);
  Labels labels;
  const bool is_delimited = !is_list && !between.empty() && between.front() >= ' ';  // save_table's bytes keep blanks
  while (!cell.empty()) {
    const std::size_t end = between.empty() ? cell.size() : std::min(cell.find(between), cell.size());
    const std::string label(is_delimited ? without_blank_ends(cell.substr(0, end)) : cell.substr(0, end));
    if (!label.empty() && std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
    cell.remove_prefix(std::min(end + between.size(), cell.size()));
  }
  return labels;
}

}  // namespace margay::data
