#include "margay/run/training_memory.h"

#include <algorithm>
#include <string>

#include "margay/core/error.h"
#include "margay/data/source/table.h"
#include "margay/run/moved_files.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

std::size_t split_column(const data::Table& table, const char* name) {
  const auto found = std::find(table.columns().begin(), table.columns().end(), name);
  if (found != table.columns().end()) return static_cast<std::size_t>(found - table.columns().begin());
  throw core::FormatError(table.path(), std::string("the split of a run has a column '") + name +
                                            "'; put back the file that the training wrote, or remove it");
}

}  // namespace

TrainingMemory::TrainingMemory(data::KnownImages known, const fs::path& model) : known_(std::move(known)) {
  const fs::path run = model.parent_path();
  std::error_code failure;
  if (!fs::is_regular_file(run / "config.json", failure)) return;
  read_split(run);
  folder_ = data_folder_of_run(run);
}

void TrainingMemory::read_split(const fs::path& run) {
  std::error_code failure;
  for (const char* name : {"split.csv", "split.jsonl"}) {
    if (fs::is_regular_file(run / name, failure)) split_file_ = run / name;
  }
  if (split_file_.empty()) return;
  const data::Table table = data::read_table(split_file_);
  const std::size_t names = split_column(table, "name");
  const std::size_t is_valid = split_column(table, "is_valid");
  for (std::size_t row = 0; row < table.size(); ++row) {
    if (names_.add(table.cell(row, names))) validates_.push_back(table.cell(row, is_valid) == "1");
  }
}

data::TrainingPart TrainingMemory::part_of_name(std::string_view name) const {
  if (split_file_.empty()) return known_.part_of_name(name);
  const auto found = names_.find(name);
  if (!found) return data::TrainingPart::kNone;
  return validates_[*found] ? data::TrainingPart::kValid : data::TrainingPart::kTrain;
}

data::TrainingPart TrainingMemory::part_of_contents(std::uint64_t checksum) const {
  return known_.part_of_contents(checksum);
}

std::size_t TrainingMemory::size() const {
  return split_file_.empty() ? known_.train_names.size() + known_.valid_names.size() : names_.size();
}

}  // namespace margay::run
