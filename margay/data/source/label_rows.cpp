#include "margay/data/source/label_rows.h"

#include <map>
#include <optional>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/data/source/names.h"

namespace margay::data {
namespace {

/// nullopt for a text that says no part.
std::optional<LabelTable::Rows::Part> part_of(std::string_view cell) {
  using Part = LabelTable::Rows::Part;
  if (const auto is_valid = truth(cell)) return *is_valid ? Part::kValid : Part::kTrain;
  static const std::map<std::string, Part, std::less<>> parts = {
      {"", Part::kTrain},      {"train", Part::kTrain}, {"training", Part::kTrain},   {"TRAIN", Part::kTrain},
      {"Train", Part::kTrain}, {"valid", Part::kValid}, {"validation", Part::kValid}, {"val", Part::kValid},
      {"Valid", Part::kValid}, {"VALID", Part::kValid}, {"dev", Part::kValid},        {"test", Part::kTest},
      {"Test", Part::kTest},   {"TEST", Part::kTest},   {"testing", Part::kTest}};
  const auto found = parts.find(cell);
  return found == parts.end() ? std::nullopt : std::optional(found->second);
}

std::string without_blanks(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

}  // namespace

void LabelTable::Rows::read_names(const Table& table, const std::string& column) {
  const ColumnChoice choice = name_column(table, column);
  if (!choice.position) throw core::DataError(path, choice.problem);
  for (std::size_t row = 0; row < table.size(); ++row) {
    const std::string_view name = table.cell(row, *choice.position);
    if (name.empty()) {
      throw core::FormatError(path, fmt::format("line {}, column '{}': the name of the image is empty", table.line(row),
                                                table.columns()[*choice.position]));
    }
    if (!names.add(name)) {
      throw core::DataError(path,
                            fmt::format("line {}, column '{}': {} is listed twice, first on line {}", table.line(row),
                                        table.columns()[*choice.position], name, lines[*names.number(name)]));
    }
    lines.push_back(static_cast<std::uint32_t>(table.line(row)));
  }
}

void LabelTable::Rows::read_labels(const Table& table, const LabelColumns& columns) {
  if (!columns.one_hot.empty()) {
    const auto counts = [this](std::size_t row) { return !is_test(row); };
    return read_one_hot(table, one_hot_columns(table, columns, counts));
  }
  const ColumnChoice choice = data::label_column(table, columns.label);
  no_labels = choice.problem;
  if (!choice.position) return;
  label_column = table.columns()[*choice.position];
  if (!columns.delimiter.empty()) task = Task::kMultiLabel;
  for (std::size_t row = 0; row < table.size(); ++row) {
    const std::string_view cell = table.cell(row, *choice.position);
    if (cell.starts_with(kListMark)) task = Task::kMultiLabel;
    labels.add("", labels_in(cell, columns.delimiter));
  }
}

void LabelTable::Rows::read_one_hot(const Table& table, const std::vector<std::size_t>& classes) {
  task = Task::kMultiLabel;
  for (std::size_t row = 0; row < table.size(); ++row) {
    Labels its;
    for (const std::size_t column : classes) {
      if (truth(table.cell(row, column)).value_or(false)) its.push_back(table.columns()[column]);
    }
    labels.add("", its);
  }
}

void LabelTable::Rows::read_parts(const Table& table, const std::string& column) {
  const ColumnChoice choice = is_valid_column(table, column);
  no_split = choice.problem;
  is_split_ambiguous = choice.is_ambiguous;
  const bool has_split = choice.position.has_value();
  for (std::size_t row = 0; has_split && row < table.size(); ++row) {
    const std::string_view cell = table.cell(row, *choice.position);
    const auto part = part_of(cell);
    parts.push_back(part.value_or(Part::kTrain));
    if (part || !bad_part.empty()) continue;
    bad_part = fmt::format(
        "line {}, column '{}': '{}' names neither the training nor the validation set; expected 0 or 1, or train, "
        "valid, test",
        table.line(row), table.columns()[*choice.position], cell);
  }
}

void LabelTable::Rows::read_groups(const Table& table, const std::string& column) {
  if (column.empty()) return;
  const ColumnChoice choice = data::group_column(table, column);
  if (!choice.position) throw core::DataError(path, choice.problem);
  group_column = column;
  for (std::size_t row = 0; row < table.size(); ++row) groups.add("", labels_in(table.cell(row, *choice.position), ""));
}

std::size_t LabelTable::Rows::first_line_with(std::uint32_t label) const {
  for (std::size_t row = 0; row < labels.size(); ++row) {
    for (const std::uint32_t id : labels.label_ids(row)) {
      if (id == label) return lines[row];
    }
  }
  return 0;
}

void LabelTable::Rows::check_labels_are_there() const {
  NameList at;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    if (labels.label_ids(row).empty() && !is_test(row)) at.add(fmt::format("line {}: {}", lines[row], names.name(row)));
  }
  if (at.empty()) return;
  throw core::DataError(path, fmt::format("{} of {} rows have no label in column '{}': {}; give each one, or say with "
                                          "`label_delimiter` that an image may have any number of labels, or none",
                                          at.size(), lines.size(), label_column, at.text()));
}

std::string LabelTable::Rows::blank_warning() const {
  std::map<std::string, std::uint32_t> seen;
  std::string first;
  std::size_t count = 0;
  for (std::uint32_t id = 0; id < labels.label_names().size(); ++id) {
    const auto [known, is_new] = seen.emplace(without_blanks(labels.label_names()[id]), id);
    if (is_new || ++count > 1) continue;
    first = fmt::format("line {}, column '{}': the label '{}' differs only by blanks from '{}' (line {})",
                        first_line_with(id), label_column, labels.label_names()[id],
                        labels.label_names()[known->second], first_line_with(known->second));
  }
  if (count == 0) return "";
  return fmt::format("{}: {}{}; they count as two classes, so write them alike if they are one", path.string(), first,
                     count > 1 ? fmt::format(", and so do {} more", count - 1) : "");
}

void LabelTable::Rows::check_labels(Gaps gaps) const {
  if (!no_labels.empty()) throw core::DataError(path, no_labels);
  if (task == Task::kSingleLabel && gaps == Gaps::kRefuse) check_labels_are_there();
}

std::optional<Labels> LabelTable::Rows::labels_of(std::size_t row) const {
  const auto ids = labels.label_ids(row);
  if (ids.empty() && task == Task::kSingleLabel) return std::nullopt;
  Labels its;
  for (const std::uint32_t id : ids) its.push_back(labels.label_names()[id]);
  return its;
}

std::optional<Labels> LabelTable::Rows::group_of(std::size_t row) const {
  const auto ids = groups.label_ids(row);
  return ids.empty() ? std::nullopt : std::optional(Labels{groups.label_names()[ids.front()]});
}

void LabelTable::Rows::read(const Table& table, const LabelColumns& columns) {
  read_names(table, columns.name);
  read_parts(table, columns.is_valid);  // before the labels, which rows of the test need not have
  read_labels(table, columns);
  read_groups(table, columns.group);
}

}  // namespace margay::data
