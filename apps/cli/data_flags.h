#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>

#include "margay/core/options.h"
#include "margay/data/data_block.h"
#include "margay/data/source/balanced_splits.h"
#include "margay/data/source/label_table.h"

namespace margay::cli {

/// How a folder of pictures becomes labelled training and validation sets.
struct DataOptions {
  std::string label_regex;
  std::string label_path_regex;
  std::optional<int> label_folder;
  std::filesystem::path labels_csv;
  std::string name_column;
  std::string label_column;
  std::string label_delimiter;
  std::string label_columns;
  std::filesystem::path valid_csv;
  std::string valid_column;
  std::filesystem::path valid_list;
  std::optional<double> valid_fraction;
  std::optional<data::SplitKind> split;
  std::string group_regex;
  std::string group_column;
  std::optional<int> fold;
  std::optional<int> folds;
  std::optional<std::uint64_t> split_seed;

  static constexpr const char* kName = "data";
  static constexpr auto fields() {
    return std::tuple{
        core::field("label_regex", &DataOptions::label_regex,
                    "the label is the first group of this pattern (RE2) in the file name; without this and the next "
                    "three it is the folder's name"),
        core::field("label_path_regex", &DataOptions::label_path_regex,
                    "the label is the first group of this pattern in the path below the folder"),
        core::field("label_folder", &DataOptions::label_folder,
                    "the label is the name of the folder so many levels up; 1 holds the picture", {1, 100}),
        core::field("labels_csv", &DataOptions::labels_csv,
                    "table (CSV, TSV, JSON lines) with columns name and label; an is_valid column, if any, splits"),
        core::field("name_column", &DataOptions::name_column,
                    "column of the table with the pictures' names, if not called name, file, fname, image, path, …"),
        core::field("label_column", &DataOptions::label_column,
                    "column of the table with the labels, if not called label, labels, class, …"),
        core::field("label_delimiter", &DataOptions::label_delimiter,
                    "a picture may have several labels or none, and this stands between them, such as ';' or ' '"),
        core::field("label_columns", &DataOptions::label_columns,
                    "columns of 0 and 1, one for each class: a,b,c or prefix* or * (several labels)"),
        core::field("valid_csv", &DataOptions::valid_csv, "table with columns name and is_valid that splits"),
        core::field(
            "valid_column", &DataOptions::valid_column,
            "column that says who validates (1, valid; 0, train; test is left out), if not called is_valid, split"),
        core::field("valid_list", &DataOptions::valid_list,
                    "text file with the name of a validation picture on each line"),
        core::field("valid_fraction", &DataOptions::valid_fraction,
                    "share drawn for validation, 0.2 if nothing else splits (train/ and valid/ folders do)", {0, 0.99}),
        core::field("split", &DataOptions::split,
                    "how it is drawn: random, stratified (each class in proportion), grouped (whole groups)"),
        core::field("group_regex", &DataOptions::group_regex,
                    "for --split grouped: the group is the first group of this pattern in the path below the folder"),
        core::field("group_column", &DataOptions::group_column,
                    "for --split grouped: the group stands in this column of the labels' table, such as patient_id"),
        core::field("fold", &DataOptions::fold, "with --folds: which part validates, from 1", {1, 1000}),
        core::field("folds", &DataOptions::folds, "into how many parts the pictures are drawn", {2, 1000}),
        core::field("split_seed", &DataOptions::split_seed, "seed of the draw; 42 unless given")};
  }
};

/// Labels and split are stated, not transforms. Where folder/train exists, a draw leaves out what lies below test/,
/// with a warning. Throws std::invalid_argument for options that exclude each other or lack one that they need, naming
/// both flags, and what data::DataBlock's parts throw. gaps: kKeep for a check, which tells of what else would be
/// thrown: pictures that are absent or without a label, folders that may not be read, a split that cannot be had.
data::DataBlock make_block(const std::filesystem::path& folder, const DataOptions& options,
                           data::Gaps gaps = data::Gaps::kRefuse);

/// All of the pictures, none of which validates: for judging. Throws as make_block.
data::DataBlock make_unsplit_block(const std::filesystem::path& folder, const DataOptions& options);

/// Only what says the pictures and their labels: for judging all pictures.
DataOptions without_split(DataOptions options);

}  // namespace margay::cli
