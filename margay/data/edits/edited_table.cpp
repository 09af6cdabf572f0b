#include "margay/data/edits/edited_table.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/label_rows.h"
#include "margay/data/source/text_file.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using RowJson = nlohmann::ordered_json;

/// As RFC 4180 writes it, for any delimiter.
std::string delimited_cell(const std::string& cell, char delimiter) {
  if (cell.find(delimiter) == std::string::npos || delimiter == ',') return csv_cell(cell);
  std::string quoted = "\"";
  for (const char c : cell) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

/// Line breaks at the end of a text.
std::string_view line_end_of(std::string_view text) {
  const std::size_t last = text.find_last_not_of("\r\n");
  return text.substr(last == std::string_view::npos ? 0 : last + 1);
}

/// Rewrites a table row by row.
class TableEditor {
 public:
  TableEditor(const fs::path& path, const fs::path& root, const LabelColumns& columns)
      : columns_(columns),
        text_(read_text(path, OtherBytes::kKeep)),
        table_(parse_table(text_, path)),
        rows_(path, ImageNames({Root(root), Root(path.parent_path())})),
        is_json_(is_json_lines()) {
    rows_.read(table_, columns);
    rows_.check_labels(Gaps::kKeep);
    name_column_ = *name_column(table_, columns.name).position;
    for (const std::size_t each : one_hot_columns(table_, columns, [](std::size_t) { return false; })) {
      classes_.push_back(table_.columns()[each]);
    }
    if (columns.one_hot.empty()) classes_.clear();
    for_each_line(text_, [this](std::size_t, std::string_view line) {
      begins_.push_back(static_cast<std::size_t>(line.data() - text_.data()));
    });
    if (!is_json_) read_header();
  }

  EditedTable run(const Items& items, const LabelEdits& edits) {
    find_edits(items, edits);
    result_.text = text_.substr(0, table_.size() == 0 ? text_.size() : begin_of(0));
    for (std::size_t row = 0; row < table_.size(); ++row) add(row);
    return std::move(result_);
  }

 private:
  bool is_json_lines() const {
    const fs::path extension = table_.path().extension();
    const std::size_t first = text_.find_first_not_of(" \t\r\n");
    return extension == ".jsonl" || extension == ".ndjson" || (first != std::string::npos && text_[first] == '{');
  }

  std::size_t begin_of(std::size_t row) const { return begins_.at(table_.line(row) - 1); }
  std::string_view raw(std::size_t row) const {
    const std::size_t begin = begin_of(row);
    const std::size_t end = row + 1 < table_.size() ? begin_of(row + 1) : text_.size();
    return std::string_view(text_).substr(begin, end - begin);
  }

  void read_header() {
    delimiter_ = delimiter_of(text_, table_.path());
    bool is_first = true;
    for_each_record(text_, table_.path(), delimiter_, [&](std::size_t, std::vector<std::string>&& cells) {
      const bool is_blank =
          std::all_of(cells.begin(), cells.end(), [](const std::string& cell) { return cell.empty(); });
      if (!is_first || is_blank) return;
      is_first = false;
      for (std::size_t i = 0; i < cells.size(); ++i) {
        place_.emplace(std::string(without_blank_ends(cells[i])), i);
      }
    });
  }

  void find_edits(const Items& items, const LabelEdits& edits) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const LabelEdit* const edit = edits.edit(items.paths().text(i));
      if (edit == nullptr || !edit->changes) continue;
      const auto image = rows_.names.find(items.paths().text(i));
      const std::string problem = !image ? "the table does not list it" : problem_of(*edit);
      if (problem.empty()) {
        edit_of_image_[*image] = edit;
        ++(edit->kind == DecisionKind::kDelete ? result_.taken_out : result_.changed);
      } else {
        result_.impossible.push_back(fmt::format("{}: {}", edit->image, problem));
      }
    }
  }

  std::string problem_of(const LabelEdit& edit) const {
    if (edit.kind == DecisionKind::kDelete) return "";
    for (const std::string& label : edit.labels) {
      if (!classes_.empty() && std::find(classes_.begin(), classes_.end(), label) == classes_.end()) {
        return fmt::format("the table has no column for the class '{}'", label);
      }
      if (!columns_.delimiter.empty() && label.find(columns_.delimiter) != std::string::npos) {
        return fmt::format("the label '{}' holds the delimiter '{}'", label, columns_.delimiter);
      }
    }
    return "";
  }

  void add(std::size_t row) {
    const auto image = rows_.names.number(table_.cell(row, name_column_));
    const auto edit = image ? edit_of_image_.find(*image) : edit_of_image_.end();
    if (edit == edit_of_image_.end()) {
      result_.text += raw(row);
      return;
    }
    if (edit->second->kind == DecisionKind::kDelete || !written_.insert(*image).second) return;
    const Labels& labels = edit->second->labels;
    const bool has_one_cell = is_json_ || !classes_.empty() || !columns_.delimiter.empty() || labels.empty();
    if (has_one_cell) return add_row(row, labels);
    for (const std::string& label : labels) add_row(row, {label});
  }

  void add_row(std::size_t row, const Labels& labels) {
    const std::string_view text = raw(row);
    std::string_view end = line_end_of(text);
    if (end.empty()) end = "\n";
    result_.text += is_json_ ? json_row(text, labels) : separated_row(text, labels);
    result_.text += end;
  }

  std::string separated_row(std::string_view text, const Labels& labels) const {
    std::vector<std::string> cells;
    for_each_record(text, table_.path(), delimiter_, [&](std::size_t, std::vector<std::string>&& record) {
      if (cells.empty()) cells = std::move(record);
    });
    const auto set = [&](const std::string& column, const std::string& cell) {
      const std::size_t at = place_.at(column);
      if (cells.size() <= at) cells.resize(at + 1);
      cells[at] = cell;
    };
    for (const std::string& name : classes_) set(name, has(labels, name) ? "1" : "0");
    if (classes_.empty()) set(rows_.label_column, core::joined(labels, columns_.delimiter));
    std::string line;
    for (const std::string& cell : cells) {
      if (&cell != cells.data()) line += delimiter_;
      line += delimited_cell(cell, delimiter_);
    }
    return line;
  }

  std::string json_row(std::string_view text, const Labels& labels) const {
    RowJson json = RowJson::parse(text);
    for (const std::string& name : classes_) {
      const bool is_set = has(labels, name);
      json[name] = json.contains(name) && json[name].is_boolean() ? RowJson(is_set) : RowJson(is_set ? 1 : 0);
    }
    if (!classes_.empty()) return json.dump();
    RowJson& cell = json[rows_.label_column];
    const bool is_list = cell.is_array() || (labels.size() != 1 && columns_.delimiter.empty());
    cell = is_list ? RowJson(labels) : RowJson(core::joined(labels, columns_.delimiter));
    return json.dump();
  }

  static bool has(const Labels& labels, const std::string& name) {
    return std::find(labels.begin(), labels.end(), name) != labels.end();
  }

  LabelColumns columns_;
  std::string text_;
  Table table_;
  LabelTable::Rows rows_;
  bool is_json_;
  char delimiter_ = ',';
  std::size_t name_column_ = 0;
  Labels classes_;                            ///< with a column each
  std::map<std::string, std::size_t> place_;  ///< of a column among the cells
  std::vector<std::size_t> begins_;           ///< of each line in the text
  std::unordered_map<std::size_t, const LabelEdit*> edit_of_image_;
  std::set<std::size_t> written_;
  EditedTable result_;
};

}  // namespace

EditedTable edited_table(const fs::path& table, const fs::path& root, const LabelColumns& columns, const Items& items,
                         const LabelEdits& edits) {
  return TableEditor(table, root, columns).run(items, edits);
}

EditedTable table_of_all(const fs::path& root, const Items& items, const LabelEdits& edits,
                         const std::vector<bool>& validates) {
  MARGAY_CHECK(validates.empty() || validates.size() == items.size(), "for each image whether it validates");
  EditedTable table{.text = validates.empty() ? "name,label\n" : "name,label,is_valid\n"};
  const Root names(root);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string_view path = items.paths().text(i);
    const LabelEdit* const edit = edits.edit(path);
    const bool changes = edit != nullptr && edit->changes;
    if (changes) ++(edit->kind == DecisionKind::kDelete ? table.taken_out : table.changed);
    if (changes && edit->kind == DecisionKind::kDelete) continue;
    const std::string label = changes ? core::joined(edit->labels, ";") : items.label(i);
    table.text += csv_cell(names.relative(path)) + "," + csv_cell(label);
    if (!validates.empty()) table.text += validates[i] ? ",1" : ",0";
    table.text += "\n";
  }
  return table;
}

}  // namespace margay::data
