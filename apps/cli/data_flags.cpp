#include "apps/cli/data_flags.h"

#include <vector>

#include <fmt/format.h>

#include "apps/cli/data_flag_rules.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/label_table.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/root.h"
#include "margay/data/source/splits.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> comma_separated(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(part.size() + 1, text.size()));
  }
  return parts;
}

data::LabelTable read_labels(const fs::path& folder, const DataOptions& options) {
  return data::LabelTable::read(options.labels_csv, folder,
                                {.name = options.name_column,
                                 .label = options.label_column,
                                 .is_valid = options.valid_csv.empty() ? options.valid_column : "",
                                 .delimiter = options.label_delimiter,
                                 .one_hot = comma_separated(options.label_columns)});
}

data::LabelTable read_split(const fs::path& folder, const DataOptions& options) {
  return data::LabelTable::read(
      options.valid_csv, folder,
      {.name = options.labels_csv.empty() ? options.name_column : "", .is_valid = options.valid_column});
}

data::Splitter draw_fold(const fs::path& folder, const DataOptions& options) {
  const data::FoldOptions fold{.fold = *options.fold, .folds = *options.folds, .seed = options.split_seed.value_or(42)};
  switch (options.split.value_or(data::SplitKind::kRandom)) {
    case data::SplitKind::kStratified:
      return data::stratified_fold_split(fold);
    case data::SplitKind::kGrouped:
      return data::grouped_fold_split(data::path_regex_labels(options.group_regex, folder), fold);
    default:
      return data::fold_split(fold);
  }
}

data::Splitter draw(const fs::path& folder, const DataOptions& options) {
  if (options.fold) return draw_fold(folder, options);
  const data::RandomSplitOptions share{.valid_fraction = options.valid_fraction.value_or(0.2),
                                       .seed = options.split_seed.value_or(42)};
  switch (options.split.value_or(data::SplitKind::kRandom)) {
    case data::SplitKind::kStratified:
      return data::stratified_split(share);
    case data::SplitKind::kGrouped:
      return data::grouped_split(data::path_regex_labels(options.group_regex, folder), share);
    default:
      return data::random_split(share);
  }
}

data::Labeller choose_labels(const fs::path& folder, const DataOptions& options) {
  if (!options.label_regex.empty()) return data::regex_labels(options.label_regex);
  if (!options.label_path_regex.empty()) return data::path_regex_labels(options.label_path_regex, folder);
  return data::folder_labels(options.label_folder.value_or(1));
}

}  // namespace

data::DataBlock make_block(const fs::path& folder, const DataOptions& options) {
  check_rules(options);
  data::DataBlock block;
  const auto warn = [&](const data::LabelTable& table) {
    for (const std::string& warning : table.warnings()) block.warn(warning);
  };
  std::optional<data::LabelTable> labels;
  if (!options.labels_csv.empty()) {
    labels = read_labels(folder, options);
    warn(*labels);
    data::PathList items = labels->items();
    if (!items.empty() && data::Root(folder).relative(items.text(0)).starts_with("../")) {
      block.warn(fmt::format("none of the pictures listed lies below {}; those beside the table {} are taken",
                             folder.string(), options.labels_csv.string()));
    }
    block.items(std::move(items)).label(labels->labels());
  } else {
    block.items(data::image_files(folder)).label(choose_labels(folder, options));
  }
  if (!options.valid_csv.empty()) return block.split(read_split(folder, options).split());
  if (!options.valid_list.empty()) return block.split(data::file_list_split(options.valid_list, folder));
  if (!asks_for_a_draw(options)) {
    if (labels && (labels->has_split() || !options.valid_column.empty())) return block.split(labels->split());
    for (const char* valid : {"valid", "val"}) {
      if (fs::is_directory(folder / "train") && fs::is_directory(folder / valid)) {
        return block.split(data::folder_split(folder, "train", valid));
      }
    }
  }
  return block.split(draw(folder, options));
}

DataOptions without_split(DataOptions options) {
  const DataOptions none;
  options.valid_csv = none.valid_csv;
  if (options.labels_csv.empty()) {  // a table's column of parts stays: it is no class, and tells of test rows
    options.name_column = none.name_column;
    options.valid_column = none.valid_column;
  }
  options.valid_list = none.valid_list;
  options.valid_fraction = none.valid_fraction;
  options.split = none.split;
  options.group_regex = none.group_regex;
  options.fold = none.fold;
  options.folds = none.folds;
  options.split_seed = none.split_seed;
  return options;
}

}  // namespace margay::cli
