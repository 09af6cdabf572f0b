#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "margay/core/options.h"
#include "margay/data/data_block.h"
#include "margay/data/source/label_table.h"
#include "margay/data/source/splits.h"

namespace margay::run {

/// The options that make labelled training and validation sets from a folder of images.
struct DataOptions {
  std::string label_regex;
  std::string label_path_regex;
  std::optional<int> label_folder;
  std::filesystem::path labels_csv;
  std::string name_column;
  std::string label_column;
  std::string label_delimiter;
  std::string label_columns;
  data::SimilarClasses similar_classes = data::SimilarClasses::kRefuse;
  std::filesystem::path valid_csv;
  std::string valid_column;
  std::filesystem::path valid_list;
  std::string train_folder;
  std::string valid_folder;
  std::optional<double> valid_fraction;
  std::optional<data::SplitKind> split;
  std::string group_regex;
  std::string group_column;
  std::optional<int> fold;
  std::optional<int> folds;
  std::optional<std::uint64_t> split_seed;
  bool edits = false;
  std::filesystem::path journal;

  static const core::OptionTable& fields();
};

/// The journal of decisions that the options ask for: `journal`, or for `edits` the one beside the data; "": none.
std::filesystem::path journal_of(const std::filesystem::path& folder, const DataOptions& options);

/// A data block with labels and split, without transforms. With `edits` or a `journal` the decisions of the journal
/// apply to it; otherwise a warning tells of one that lies beside the data. What is not used is in its left_out().
/// Folders split as data::FolderLayout says; without a validation set it is drawn from the training set, and the test
/// set is left out of every split. Throws core::DataError for a layout that looks like a split and cannot be followed,
/// unless options say the split. Throws std::invalid_argument for options that exclude each other or lack one that they
/// need, naming both, and what data::DataBlock's parts throw. gaps: kKeep for a check, which reports what would throw
/// otherwise: images that are missing or have no label, folders that may not be read, an impossible split.
data::DataBlock make_block(const std::filesystem::path& folder, const DataOptions& options,
                           data::Gaps gaps = data::Gaps::kRefuse);

/// A data block, and what chose its split.
struct ExplainedBlock {
  data::DataBlock block;
  std::string split_by;  ///< a phrase: "the folders of training and validation", "a random draw of 20 %, seed 42"
};

/// The same block, with the reason for its split.
ExplainedBlock make_explained_block(const std::filesystem::path& folder, const DataOptions& options,
                                    data::Gaps gaps = data::Gaps::kRefuse);

/// All images in the training set, those of a test set included, for evaluation. Throws as make_block.
data::DataBlock make_unsplit_block(const std::filesystem::path& folder, const DataOptions& options);

/// Only the options for images and labels, to evaluate all images.
DataOptions without_split(DataOptions options);

/// The columns of the table of labels.
data::LabelColumns label_columns(const DataOptions& options);

}  // namespace margay::run
