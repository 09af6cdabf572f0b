#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/image_list.h"
#include "margay/data/item.h"

namespace margay::run {

struct DataOptions;

/// The images whose labels are reviewed, in any order.
struct ReviewedData {
  std::filesystem::path root;        ///< that names in the journal are relative to (data::root_of_journal)
  data::ImageList images;            ///< [N]
  std::vector<data::Labels> labels;  ///< [N], by the data itself, without any decision
  std::vector<bool> validates;       ///< [N], whether the image is in the validation set
  std::vector<std::string> classes;  ///< that a label may be
  data::Labeller labeller;           ///< that gave the labels
  /// [N], by a model that did not see the image; none where it is not known. Of several labels it may be no label at
  /// all.
  std::vector<std::optional<data::Labels>> predicted;

  std::size_t size() const { return labels.size(); }
};

/// The images of both sets, with the labels that the data itself gives. Throws as make_block and DataBlock::datasets.
ReviewedData reviewed_data(const std::filesystem::path& folder, const DataOptions& options,
                           const std::filesystem::path& journal);

/// Where decisions about the images of a folder are kept.
struct JournalPlace {
  std::filesystem::path file;
  bool is_beside = true;  ///< data::journal_beside; else commands that read it need `journal`
};

/// Beside the images, or, where their folder is read-only and holds no journal, NAME-HASH.jsonl in `elsewhere`, HASH
/// being of the folder's path. Makes nothing.
JournalPlace journal_place(const std::filesystem::path& folder, const std::filesystem::path& elsewhere);

}  // namespace margay::run
