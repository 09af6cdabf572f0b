#include "apps/cli/data_flags.h"

#include <stdexcept>

#include "margay/data/source/image_files.h"
#include "margay/data/source/label_table.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

void check(const DataOptions& options) {
  core::validate(options);
  if (!options.label_regex.empty() && !options.labels_csv.empty()) {
    throw std::invalid_argument("[data] --label-regex and --labels-csv both say the labels; give one");
  }
  if (!options.valid_csv.empty() && options.valid_fraction) {
    throw std::invalid_argument("[data] --valid-csv and --valid-fraction both say the split; give one");
  }
}

data::Splitter choose_split(const fs::path& folder, const DataOptions& options,
                            const std::optional<data::LabelTable>& labels) {
  if (!options.valid_csv.empty()) return data::LabelTable::read(options.valid_csv, folder).split();
  if (!options.valid_fraction) {
    if (labels && labels->has_split()) return labels->split();
    if (fs::is_directory(folder / "train") && fs::is_directory(folder / "valid")) return data::folder_split(folder);
  }
  return data::random_split({.valid_fraction = options.valid_fraction.value_or(0.2), .seed = options.split_seed});
}

}  // namespace

data::DataBlock make_block(const fs::path& folder, const DataOptions& options) {
  check(options);
  data::DataBlock block;
  if (!options.labels_csv.empty()) {
    const data::LabelTable table = data::LabelTable::read(options.labels_csv, folder);
    return block.items(table.items()).label(table.labels()).split(choose_split(folder, options, table));
  }
  block.items(data::image_files(folder));
  block.label(options.label_regex.empty() ? data::folder_labels() : data::regex_labels(options.label_regex));
  return block.split(choose_split(folder, options, std::nullopt));
}

}  // namespace margay::cli
