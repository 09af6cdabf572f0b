#include "margay/run/data_options.h"

#include <optional>
#include <vector>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/edits/label_edits.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/label_table.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "margay/run/image_choice.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> comma_separated(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    if (const std::string_view name = data::without_blank_ends(part); !name.empty()) parts.emplace_back(name);
    text.remove_prefix(std::min(part.size() + 1, text.size()));
  }
  return parts;
}

data::LabelTable read_labels(const fs::path& folder, const DataOptions& options) {
  return data::LabelTable::read(options.labels_csv, folder, label_columns(options));
}

data::LabelTable read_split(const fs::path& folder, const DataOptions& options) {
  return data::LabelTable::read(
      options.valid_csv, folder,
      {.name = options.labels_csv.empty() ? options.name_column : "", .is_valid = options.valid_column});
}

using Table = std::optional<data::LabelTable>;

bool has_groups(const DataOptions& options) { return !options.group_regex.empty() || !options.group_column.empty(); }

/// table: the labels', where there is one.
data::Labeller choose_groups(const fs::path& folder, const DataOptions& options, const Table& table) {
  return options.group_column.empty() ? data::path_regex_labels(options.group_regex, folder) : table->groups();
}

data::SplitKind kind_of_draw(const DataOptions& options) {
  return options.split.value_or(has_groups(options) ? data::SplitKind::kGrouped : data::SplitKind::kRandom);
}

data::Splitter draw_fold(const fs::path& folder, const DataOptions& options, const Table& table) {
  const data::FoldOptions fold{.fold = *options.fold, .folds = *options.folds, .seed = options.split_seed.value_or(42)};
  switch (kind_of_draw(options)) {
    case data::SplitKind::kStratified:
      return data::stratified_fold_split(fold);
    case data::SplitKind::kGrouped:
      return data::grouped_fold_split(choose_groups(folder, options, table), fold);
    default:
      return data::fold_split(fold);
  }
}

data::Splitter draw(const fs::path& folder, const DataOptions& options, const Table& table) {
  if (options.fold) return draw_fold(folder, options, table);
  const data::RandomSplitOptions share{.valid_fraction = options.valid_fraction.value_or(0.2),
                                       .seed = options.split_seed.value_or(42)};
  switch (kind_of_draw(options)) {
    case data::SplitKind::kStratified:
      return data::stratified_split(share);
    case data::SplitKind::kGrouped:
      return data::grouped_split(choose_groups(folder, options, table), share);
    default:
      return data::random_split(share);
  }
}

data::Labeller choose_labels(const fs::path& folder, const DataOptions& options) {
  if (!options.label_regex.empty()) return data::regex_labels(options.label_regex);
  if (!options.label_path_regex.empty()) return data::path_regex_labels(options.label_path_regex, folder);
  return data::folder_labels(options.label_folder.value_or(1));
}

FoundImages listed_images(const fs::path& folder, const DataOptions& options, data::Gaps gaps) {
  FoundImages found{.table = read_labels(folder, options)};
  found.warnings = found.table->warnings();
  found.images = found.table->items(gaps, found.left_out);
  if (!found.images.empty() && data::Root(folder).relative(found.images.text(0)).starts_with("../")) {
    found.warnings.push_back(fmt::format("none of the images listed lies below {}; those beside the table {} are taken",
                                         core::shown_path(folder), core::shown_path(options.labels_csv)));
  }
  found.labeller = found.table->labels(gaps);
  return found;
}

FoundImages found_images(const fs::path& folder, const DataOptions& options, data::Gaps gaps) {
  if (!options.labels_csv.empty()) return listed_images(folder, options, gaps);
  data::ImageSearch search = data::search_images(folder);
  if (gaps == data::Gaps::kRefuse) data::check_all_open(search);
  FoundImages found{.images = std::move(search.images),
                    .labeller = choose_labels(folder, options),
                    .left_out = std::move(search.left_out),
                    .empty_folders = std::move(search.empty_folders)};
  if (options.label_regex.empty() && options.label_path_regex.empty()) {
    found.label_levels = options.label_folder.value_or(1);
  }
  return found;
}

/// Whether an option asks for a draw, so that neither a table's column nor folders split.
bool asks_for_a_draw(const DataOptions& o) { return o.valid_fraction || o.split || o.fold || o.folds || o.split_seed; }

/// A splitter, and what chose it.
struct ChosenSplit {
  data::Splitter splitter;
  std::string by;
};

/// What a file says of the split, nothing where none is asked.
std::optional<ChosenSplit> split_of_file(const fs::path& folder, const DataOptions& options, const Table& table) {
  const auto by = [](const char* what, const fs::path& file) {
    return fmt::format("{} {}", what, core::shown_path(file));
  };
  if (!options.valid_csv.empty()) return {{read_split(folder, options).split(), by("the table", options.valid_csv)}};
  if (!options.valid_list.empty()) {
    return {{data::file_list_split(options.valid_list, folder), by("the list", options.valid_list)}};
  }
  if (asks_for_a_draw(options) || !options.valid_folder.empty()) return std::nullopt;
  if (table && (!options.valid_column.empty() || table->has_split())) {
    return {{table->split(), by("a column of the table", options.labels_csv)}};
  }
  return std::nullopt;
}

/// How `draw` draws, in words.
std::string words_of_draw(const DataOptions& options) {
  const data::SplitKind kind = kind_of_draw(options);
  const char* how = "a random draw";
  if (kind == data::SplitKind::kStratified) how = "a draw in proportion to the classes";
  if (kind == data::SplitKind::kGrouped) how = "a random draw of whole groups";
  const std::uint64_t seed = options.split_seed.value_or(42);
  if (options.fold) return fmt::format("{}: part {} of {}, seed {}", how, *options.fold, *options.folds, seed);
  return fmt::format("{} of {:.4g} %, seed {}", how, 100 * options.valid_fraction.value_or(0.2), seed);
}

ChosenSplit choose_split(const fs::path& folder, const DataOptions& options, ImageChoice& choice) {
  if (const auto said = split_of_file(folder, options, choice.table())) {
    return options.valid_list.empty() ? *said : ChosenSplit{choice.without_test(said->splitter), said->by};
  }
  choice.name_folders(options.train_folder, options.valid_folder);
  if (!asks_for_a_draw(options)) {
    choice.check_layout();
    if (choice.has(data::SplitPart::kValid)) {
      return {choice.split_by_folders(), "the folders of training and validation"};
    }
    if (options.labels_csv.empty() && options.train_folder.empty()) choice.check_split_files();
  }
  choice.leave_test_out();
  if (!options.train_folder.empty()) choice.keep_training_folder();
  return {draw(folder, options, choice.table()), words_of_draw(options)};
}

/// A splitter that throws the error when it is asked.
data::Splitter split_with_problem(const core::DataError& error) {
  return [error](const data::Items&) -> data::Split { throw error; };
}

void apply_journal(data::DataBlock& block, const fs::path& folder, const fs::path& path) {
  const data::Journal journal = data::Journal::read(path);
  for (const std::string& warning : journal.warnings()) block.warn(warning);
  block.edits(std::make_shared<data::LabelEdits>(journal, folder, block.images(), *block.labeller()));
}

/// The decisions that are asked for, or a warning of those that are not.
data::DataBlock with_edits(data::DataBlock block, const fs::path& folder, const DataOptions& options) {
  const fs::path asked = journal_of(folder, options);
  if (!asked.empty()) {
    apply_journal(block, folder, asked);
    return block;
  }
  const fs::path beside = data::journal_beside(folder);
  const std::size_t lines = data::count_decisions(beside);
  if (lines == 0) return block;
  return std::move(block).warn(
      fmt::format("the journal {} holds {} about these images, and is not read; `edits` "
                  "applies them",
                  core::shown_path(beside), core::counted(lines, "decision")));
}

}  // namespace

fs::path journal_of(const fs::path& folder, const DataOptions& options) {
  if (!options.journal.empty()) return options.journal;
  if (!options.edits) return {};
  const fs::path beside = data::journal_beside(folder);
  std::error_code ignored;
  if (fs::exists(beside, ignored)) return beside;
  throw core::DataError(folder, fmt::format("there is no journal of decisions beside the images ({}); `journal` names "
                                            "one that lies elsewhere",
                                            core::shown_path(beside)));
}

data::DataBlock make_block(const fs::path& folder, const DataOptions& options, data::Gaps gaps) {
  return std::move(make_explained_block(folder, options, gaps).block);
}

ExplainedBlock make_explained_block(const fs::path& folder, const DataOptions& options, data::Gaps gaps) {
  core::validate(options);
  core::check_rules(options);
  ImageChoice choice(folder, found_images(folder, options, gaps), gaps);
  const auto block_with = [&](const data::Splitter& splitter) {
    data::DataBlock block = choice.block().similar_classes(options.similar_classes).split(splitter);
    if (has_groups(options)) block.group(choose_groups(folder, options, choice.table()));
    return with_edits(std::move(block), folder, options);
  };
  try {
    choice.leave_loose_out();
    const ChosenSplit chosen = choose_split(folder, options, choice);
    return {block_with(chosen.splitter), chosen.by};
  } catch (const core::DataError& error) {
    if (gaps == data::Gaps::kRefuse) throw;
    return {block_with(split_with_problem(error)), ""};
  }
}

data::DataBlock make_unsplit_block(const fs::path& folder, const DataOptions& options) {
  core::validate(options);
  core::check_rules(options);
  ImageChoice choice(folder, found_images(folder, without_split(options), data::Gaps::kRefuse), data::Gaps::kRefuse);
  choice.forget_parts();
  choice.leave_loose_out();
  return with_edits(choice.block().similar_classes(options.similar_classes).split(data::no_split()), folder, options);
}

DataOptions without_split(DataOptions options) {
  const DataOptions none;
  options.valid_csv = none.valid_csv;
  if (options.labels_csv.empty()) {  // a table's column of parts stays: it is no class, and tells of test rows
    options.name_column = none.name_column;
    options.valid_column = none.valid_column;
  }
  options.valid_list = none.valid_list;
  options.train_folder = none.train_folder;
  options.valid_folder = none.valid_folder;
  options.valid_fraction = none.valid_fraction;
  options.split = none.split;
  options.group_regex = none.group_regex;
  options.group_column = none.group_column;
  options.fold = none.fold;
  options.folds = none.folds;
  options.split_seed = none.split_seed;
  return options;
}

data::LabelColumns label_columns(const DataOptions& options) {
  return {.name = options.name_column,
          .label = options.label_column,
          .is_valid = options.valid_csv.empty() ? options.valid_column : "",
          .group = options.group_column,
          .delimiter = options.label_delimiter,
          .one_hot = comma_separated(options.label_columns)};
}

const core::OptionTable& DataOptions::fields() {
  constexpr const char* kSplit = "the split";
  static const std::vector<std::string> kDraws = {"valid_fraction", "split", "fold", "folds", "split_seed"};
  static const core::OptionRule kDrawnOtherwise = core::excludes({"split=random", "split=stratified"}, kSplit);
  static const core::OptionTable table(
      "data",
      {core::field<&DataOptions::label_regex>(
           "label_regex",
           "the label is the first group of this pattern (RE2) in the file name; by default it is the folder's name",
           {core::excludes({"label_path_regex", "label_folder", "labels_csv"}, "the labels")}),
       core::field<&DataOptions::label_path_regex>(
           "label_path_regex", "the label is the first group of this pattern in the path below the folder",
           {core::excludes({"label_folder", "labels_csv"}, "the labels")}),
       core::field<&DataOptions::label_folder>(
           "label_folder", "the label is the name of the folder so many levels up; 1 holds the image", {1, 100},
           {core::excludes({"labels_csv"}, "the labels")}),
       core::field<&DataOptions::labels_csv>(
           "labels_csv",
           "table (CSV, TSV, JSON lines) with columns name and label; an is_valid column, if any, splits"),
       core::field<&DataOptions::name_column>(
           "name_column", "column of the table with the images' names, if not called name, file, fname, image, path, …",
           {core::needs({"labels_csv", "valid_csv"})}),
       core::field<&DataOptions::label_column>(
           "label_column", "column of the table with the labels, if not called label, labels, class, …",
           {core::needs({"labels_csv"}), core::excludes({"label_columns"}, "the columns of the labels")}),
       core::field<&DataOptions::label_delimiter>(
           "label_delimiter",
           "delimiter between labels, such as ';' or ' '; an image may then have several labels or none",
           {core::needs({"labels_csv"}), core::excludes({"label_columns"}, "the columns of the labels")}),
       core::field<&DataOptions::label_columns>(
           "label_columns", "columns of 0 and 1, one for each class: a,b,c or prefix* or * (several labels)",
           {core::needs({"labels_csv"})}),
       core::field<&DataOptions::similar_classes>(
           "similar_classes",
           "classes whose names differ only in case, width, blanks or invisible characters: refuse them, keep them "
           "apart, or merge them into one"),
       core::field<&DataOptions::valid_csv>("valid_csv", "table with columns name and is_valid that splits",
                                            {core::excludes({"valid_list"}, kSplit), core::excludes(kDraws, kSplit)}),
       core::field<&DataOptions::valid_column>(
           "valid_column",
           "column that names the validation set (1, valid; 0, train; test is left out), if not called is_valid, split",
           {core::needs({"labels_csv", "valid_csv"}), core::excludes({"valid_list"}, kSplit),
            core::excludes(kDraws, kSplit)}),
       core::field<&DataOptions::valid_list>("valid_list", "text file with the name of a validation image on each line",
                                             {core::excludes(kDraws, kSplit)}),
       core::field<&DataOptions::train_folder>(
           "train_folder", "only images below folders of this name, or of this path below the images' folder, train",
           {core::excludes({"valid_csv", "valid_list", "valid_column"}, kSplit)}),
       core::field<&DataOptions::valid_folder>(
           "valid_folder",
           "images below folders of this name or path are the validation set, whatever others are called",
           {core::excludes({"valid_csv", "valid_list", "valid_column"}, kSplit), core::excludes(kDraws, kSplit)}),
       core::field<&DataOptions::valid_fraction>(
           "valid_fraction",
           "share drawn for validation; 0.2 if there is no other split (such as train/ and valid/ folders)", {0, 0.99}),
       core::field<&DataOptions::split>("split",
                                        "how it is drawn: random, stratified (each class in proportion), grouped "
                                        "(whole groups; by default where groups "
                                        "are given)",
                                        {core::needs({"group_regex", "group_column"}, "grouped")}),
       core::field<&DataOptions::group_regex>(
           "group_regex",
           "which images belong together, as those of one patient or film: the first group of this pattern in the path "
           "below the folder; a split that is drawn keeps them together, and a probe leaves them out together",
           {core::excludes({"group_column"}, "the groups"), kDrawnOtherwise}),
       core::field<&DataOptions::group_column>("group_column",
                                               "the same by a column of the labels' table, such as patient_id",
                                               {core::needs({"labels_csv"}), kDrawnOtherwise}),
       core::field<&DataOptions::fold>("fold", "with `folds`: which part is the validation set, from 1", {1, 1000},
                                       {core::needs({"folds"})}),
       core::field<&DataOptions::folds>(
           "folds", "the number of parts for `fold`", {2, 1000},
           {core::excludes({"valid_fraction"}, "the size of the validation set"), core::needs({"fold"})}),
       core::field<&DataOptions::split_seed>("split_seed", "seed of the random split; 42 by default"),
       core::field<&DataOptions::edits>(
           "edits", "apply what was decided about these images: the journal .margay/decisions.jsonl in their folder"),
       core::field<&DataOptions::journal>("journal", "apply the journal of decisions that lies here")});
  return table;
}

}  // namespace margay::run
