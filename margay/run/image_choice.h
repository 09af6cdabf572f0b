#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/data_block.h"
#include "margay/data/source/folder_layout.h"
#include "margay/data/source/label_table.h"

namespace margay::run {

/// The images of a folder and how each gets its label, before any is left out.
struct FoundImages {
  std::optional<data::LabelTable> table;  ///< that lists them
  data::PathList images;
  data::Labeller labeller;
  std::optional<std::int64_t> label_levels;  ///< the label is the name of the folder so many levels up
  std::vector<std::string> warnings;
  data::LeftOut left_out;
  data::PathList empty_folders;
};

/// Decides which of the images are used, and which part of the split each is in.
class ImageChoice {
 public:
  /// gaps: with kKeep images without a class stay, without a label, and those of the test set with one.
  ImageChoice(std::filesystem::path folder, FoundImages found, data::Gaps gaps);

  const std::optional<data::LabelTable>& table() const { return found_.table; }
  bool has(data::SplitPart part) const;

  /// Leaves out images that lie beside the folders of the classes. Throws core::DataError if they are most of the
  /// images or all of a part.
  void leave_loose_out();
  /// Takes all images alike, for those who do not split.
  void forget_parts();
  /// DataOptions::train_folder and valid_folder; "" for none. Throws core::DataError if no image lies below one.
  void name_folders(const std::string& train, const std::string& valid);
  /// Throws core::DataError for folders that look like a split and cannot be followed.
  void check_layout() const;
  /// Throws core::DataError for a file that looks like a split and is not asked for.
  void check_split_files() const;
  /// Leaves the images of the test set out, where others remain.
  void leave_test_out();
  /// Leaves out what is not below the folder that was named for training.
  void keep_training_folder();
  /// The folders' split. The test set is left out, or stays on neither side with Gaps::kKeep. Throws core::DataError
  /// for images outside the folders of the parts.
  data::Splitter split_by_folders();
  /// The splitter without the images of the test set on the side that trains.
  data::Splitter without_test(data::Splitter splitter) const;

  /// The images that are left, with their labels. To be called last.
  data::DataBlock block();

 private:
  using Parts = std::vector<std::optional<data::SplitPart>>;

  void check_loose() const;
  void check_outside() const;
  /// Where the folder stands in the path of each image, in folders from the root; nothing where it does not.
  std::vector<std::optional<std::size_t>> places_of(const std::string& folder, const char* option) const;
  /// Leaves out the images for which `why` gives a kind.
  template <class Why>
  void leave_out(Why&& why);
  data::Labeller labeller() const;

  std::filesystem::path folder_;
  FoundImages found_;
  data::Gaps gaps_;
  std::string problem_;      ///< of the layout of the folders
  Parts parts_;              ///< of each image
  std::vector<bool> loose_;  ///< of each image
};

}  // namespace margay::run
