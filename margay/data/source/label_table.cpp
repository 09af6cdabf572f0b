#include "margay/data/source/label_table.h"

#include <memory>
#include <set>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/name_list.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

bool parse_flag(const std::string& text, const fs::path& csv, const std::string& name) {
  static const std::set<std::string> yes = {"1", "true", "True", "TRUE", "yes", "valid"};
  static const std::set<std::string> no = {"", "0", "false", "False", "FALSE", "no", "train"};
  if (yes.contains(text)) return true;
  if (no.contains(text)) return false;
  throw core::FormatError(csv, fmt::format("is_valid of {} is '{}'; expected 1 or 0", name, text));
}

}  // namespace

LabelTable LabelTable::read(const fs::path& csv, const fs::path& root, const LabelColumns& columns) {
  const CsvTable table = read_csv(csv);
  LabelTable result;
  result.csv_ = csv;
  result.root_ = root;
  result.has_labels_ = table.has_column(columns.label);
  result.has_split_ = table.has_column(columns.is_valid);
  const std::size_t name_at = table.column(columns.name);
  for (const auto& cells : table.rows) {
    Row row{cells[name_at], "", false};
    if (result.has_labels_) row.label = cells[table.column(columns.label)];
    if (result.has_split_) row.is_valid = parse_flag(cells[table.column(columns.is_valid)], csv, row.name);
    if (!result.by_name_.emplace(row.name, result.rows_.size()).second) {
      throw core::DataError(csv, fmt::format("{} is listed twice", row.name));
    }
    result.rows_.push_back(std::move(row));
  }
  if (result.rows_.empty()) throw core::DataError(csv, "the table has a header but no rows");
  return result;
}

std::vector<fs::path> LabelTable::items() const {
  std::vector<fs::path> found;
  NameList absent;
  for (const Row& row : rows_) {
    found.push_back(root_ / row.name);
    if (!fs::is_regular_file(found.back())) absent.add(row.name);
  }
  if (absent.empty()) return found;
  throw core::DataError(csv_, fmt::format("{} of the {} pictures listed are not in {}: {}", absent.size(), rows_.size(),
                                          root_.string(), absent.text()));
}

const LabelTable::Row* LabelTable::find(const fs::path& picture) const {
  auto found = by_name_.find(picture.lexically_relative(root_).generic_string());
  if (found == by_name_.end()) found = by_name_.find(picture.filename().string());
  return found == by_name_.end() ? nullptr : &rows_[found->second];
}

Labeller LabelTable::labels() const {
  if (!has_labels_) throw core::DataError(csv_, "the table has no column 'label'");
  const auto table = std::make_shared<const LabelTable>(*this);
  return {"the table " + csv_.string(), [table](const fs::path& path) -> std::optional<std::string> {
            const Row* row = table->find(path);
            return row == nullptr || row->label.empty() ? std::nullopt : std::optional(row->label);
          }};
}

Splitter LabelTable::split() const {
  if (!has_split_) throw core::DataError(csv_, "the table has no column 'is_valid'");
  return [table = *this](const std::vector<Item>& items) {
    Split split;
    NameList unlisted;
    std::set<const Row*> used;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Row* row = table.find(items[i].path);
      if (row == nullptr) {
        unlisted.add(items[i].path.filename().string());
        continue;
      }
      used.insert(row);
      (row->is_valid ? split.valid : split.train).push_back(i);
    }
    if (!unlisted.empty()) {
      throw core::DataError(table.csv_,
                            fmt::format("{} pictures are not in this table: {}", unlisted.size(), unlisted.text()));
    }
    NameList absent;
    for (const Row& row : table.rows_) {
      if (!used.contains(&row)) absent.add(row.name);
    }
    if (absent.empty()) return split;
    throw core::DataError(table.csv_, fmt::format("{} of the {} pictures listed are not among the data: {}",
                                                  absent.size(), table.rows_.size(), absent.text()));
  };
}

}  // namespace margay::data
