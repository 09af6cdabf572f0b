#include "margay/data/source/label_rows.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/names.h"
#include "margay/data/source/text_file.h"

namespace margay::data {
namespace {

/// nullopt for a text that says no part.
std::optional<SplitPart> part_of(std::string_view cell) {
  if (without_blank_ends(cell).empty()) return SplitPart::kTrain;
  const std::string text = core::folded(cell);
  if (const auto is_valid = truth(text)) return *is_valid ? SplitPart::kValid : SplitPart::kTrain;
  if (text == "t" || text == "y") return SplitPart::kValid;
  if (text == "f" || text == "n") return SplitPart::kTrain;
  return split_word(text);
}

void merge_labels(const Labels& more, Labels& labels) {
  for (const std::string& label : more) {
    if (std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
  }
}

bool are_same(Labels a, Labels b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

void check_is_utf8(const Table& table, std::size_t row, std::size_t column) {
  const std::string problem = encoding_problem(table.cell(row, column), table.path());
  if (problem.empty()) return;
  throw core::FormatError(table.path(),
                          fmt::format("line {}, column '{}': {}", table.line(row), table.columns()[column], problem));
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
    const bool is_new = names.add(name);
    if (!is_new && image_of_row_.empty()) {
      image_of_row_.resize(row);
      std::iota(image_of_row_.begin(), image_of_row_.end(), 0U);
    }
    if (!is_new) {
      image_of_row_.push_back(static_cast<std::uint32_t>(*names.number(name)));
      continue;
    }
    if (!image_of_row_.empty()) image_of_row_.push_back(static_cast<std::uint32_t>(lines.size()));
    lines.push_back(static_cast<std::uint32_t>(table.line(row)));
  }
}

void LabelTable::Rows::gather(const Table& table, const LabelsOfRow& labels_of_row) {
  if (image_of_row_.empty()) {
    for (std::size_t row = 0; row < table.size(); ++row) labels.add("", labels_of_row(row));
    return;
  }
  std::vector<Labels> of_image(names.size());
  for (std::size_t row = 0; row < table.size(); ++row) merge_labels(labels_of_row(row), of_image[image_of(row)]);
  check_repeats(table, of_image, labels_of_row);
  for (const Labels& its : of_image) labels.add("", its);
}

void LabelTable::Rows::check_repeats(const Table& table, const std::vector<Labels>& of_image,
                                     const LabelsOfRow& labels_of_row) {
  NameList same;
  NameList different;
  std::vector<bool> is_known(names.size());
  for (std::size_t row = 0; row < table.size(); ++row) {
    const std::size_t image = image_of(row);
    const bool is_repeat = is_known[image];
    is_known[image] = true;
    if (!is_repeat || is_test(image)) continue;
    const bool is_same = are_same(labels_of_row(row), of_image[image]);
    (is_same ? same : different)
        .add(fmt::format("line {}: {}, first on line {}", table.line(row), names.name(image), lines[image]));
  }
  if (different.empty() && same.empty()) return;
  if (different.empty()) {
    repeated = fmt::format("{}: {} an image and its labels, so each image counts once: {}", core::shown_path(path),
                           core::counted(same.size(), "row repeats", "rows repeat"), same.text());
    return;
  }
  const std::string what = fmt::format("{} an image with another label: {}",
                                       core::counted(different.size(), "row repeats", "rows repeat"), different.text());
  if (task == Task::kMultiLabel) {
    repeated = fmt::format("{}: {}; the labels of all its rows count", core::shown_path(path), what);
  } else {
    no_labels = what +
                "; keep one row for each image, or say with `label_delimiter` that an image may have several "
                "labels, so that those of all its rows count";
  }
}

void LabelTable::Rows::read_label_column(const Table& table, std::size_t column, const std::string& delimiter) {
  label_column = table.columns()[column];
  if (!delimiter.empty()) task = Task::kMultiLabel;
  for (std::size_t row = 0; row < table.size(); ++row) {
    if (table.cell(row, column).starts_with(kListMark)) task = Task::kMultiLabel;
    if (!is_test(image_of(row))) check_is_utf8(table, row, column);
  }
  gather(table, [&](std::size_t row) { return labels_in(table.cell(row, column), delimiter); });
}

void LabelTable::Rows::read_labels(const Table& table, const LabelColumns& columns) {
  if (columns.one_hot.empty()) {
    const ColumnChoice choice = data::label_column(table, columns.label);
    no_labels = choice.problem;
    if (choice.position) read_label_column(table, *choice.position, columns.delimiter);
    return;
  }
  task = Task::kMultiLabel;
  const auto counts = [this](std::size_t row) { return !is_test(image_of(row)); };
  const std::vector<std::size_t> classes = one_hot_columns(table, columns, counts);
  gather(table, [&](std::size_t row) {
    Labels its;
    for (const std::size_t column : classes) {
      if (truth(table.cell(row, column)).value_or(false)) its.push_back(table.columns()[column]);
    }
    return its;
  });
}

void LabelTable::Rows::read_parts(const Table& table, const std::string& column) {
  const ColumnChoice choice = is_valid_column(table, column);
  no_split = choice.problem;
  is_split_ambiguous = choice.is_ambiguous;
  const bool has_split = choice.position.has_value();
  for (std::size_t row = 0; has_split && row < table.size(); ++row) {
    const std::string_view cell = table.cell(row, *choice.position);
    const auto part = part_of(cell);
    const std::size_t image = image_of(row);
    const bool is_repeat = image < parts.size();
    if (!is_repeat) parts.push_back(part.value_or(SplitPart::kTrain));
    if (!bad_part.empty()) continue;
    const auto at = [&] {
      return fmt::format("line {}, column '{}'", table.line(row), table.columns()[*choice.position]);
    };
    if (!part) {
      bad_part = fmt::format(
          "{}: '{}' names neither the training nor the validation set; expected 0 or 1, or train, valid, test", at(),
          shortened(core::with_hidden_shown(cell)));
    } else if (is_repeat && *part != parts[image]) {
      bad_part = fmt::format("{}: {} is in another part here than on line {}; an image can be in one only", at(),
                             names.name(image), lines[image]);
    }
  }
}

void LabelTable::Rows::read_groups(const Table& table, const std::string& column) {
  if (column.empty()) return;
  const ColumnChoice choice = data::group_column(table, column);
  if (!choice.position) throw core::DataError(path, choice.problem);
  group_column = column;
  for (std::size_t row = 0; row < table.size(); ++row) {
    const Labels group = labels_in(table.cell(row, *choice.position), "");
    const std::size_t image = image_of(row);
    check_is_utf8(table, row, *choice.position);
    if (image == groups.size()) {
      groups.add("", group);
    } else if (group != group_of(image).value_or(Labels{})) {
      throw core::DataError(path, fmt::format("line {}, column '{}': {} is in another group than on line {}; an image "
                                              "can be in one only",
                                              table.line(row), column, names.name(image), lines[image]));
    }
  }
}

void LabelTable::Rows::check_labels_are_there() const {
  NameList at;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    if (labels.label_ids(row).empty() && !is_test(row)) at.add(fmt::format("line {}: {}", lines[row], names.name(row)));
  }
  if (at.empty()) return;
  throw core::DataError(path,
                        fmt::format("{} of {} images have no label in column '{}': {}; give each one, or say with "
                                    "`label_delimiter` that an image may have any number of labels, or none",
                                    at.size(), lines.size(), label_column, at.text()));
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
