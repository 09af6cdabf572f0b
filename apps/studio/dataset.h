#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/studio/folder_times.h"
#include "margay/data/source/names.h"

namespace margay::run {
struct DataOptions;
}

namespace margay::studio {

/// The side of the split on which an image is; kNone: left out, or the split failed.
enum class ImageSide : std::uint8_t { kNone, kTrain, kValid };

/// "none", "train", "valid".
const char* name_of(ImageSide side);

/// How many images a class has.
struct ClassSize {
  std::string name;
  std::size_t images = 0;
  std::size_t train = 0;
  std::size_t valid = 0;
};

/// The images of a folder or a table, with their labels and their split, as a training with these options would take
/// them; what would keep it from that is among the warnings. Unchanging; may be used from any thread. 100,000 images
/// take about 20 MB.
class OpenedDataset {
 public:
  /// Reads no pixels. Throws core::DataError where there is no image, std::invalid_argument for options that exclude
  /// each other, as run::make_block.
  static std::shared_ptr<const OpenedDataset> open(const std::filesystem::path& folder,
                                                   const run::DataOptions& options);

  std::size_t size() const { return names_.size(); }
  /// The path below the folder, '/' between its parts; stays valid with this object.
  std::string_view name(std::size_t i) const { return names_.name(i); }
  std::filesystem::path path(std::size_t i) const { return folder_ / name(i); }
  /// Positions in classes(); none for an image without a label.
  std::span<const std::uint32_t> labels(std::size_t i) const;
  ImageSide side(std::size_t i) const { return sides_[i]; }
  /// The image of that name.
  std::optional<std::size_t> find(std::string_view name) const { return names_.find(name); }
  /// The image of that path; nothing for a path that is not below the folder.
  std::optional<std::size_t> find_path(const std::filesystem::path& path) const;

  const std::filesystem::path& folder() const { return folder_; }
  /// By name.
  const std::vector<ClassSize>& classes() const { return classes_; }
  std::size_t count(ImageSide side) const;
  std::size_t unlabelled() const { return unlabelled_; }
  bool is_multi_label() const { return is_multi_label_; }

  std::string labels_by;              ///< "the name of the folder": what gives an image its label
  std::string split_by;               ///< what chose the split, a phrase
  std::string split_problem;          ///< why there is none; "" where there is one
  std::vector<std::string> warnings;  ///< sentences
  std::vector<std::string> left_out;  ///< what of the folder is not used, sentences
  int deep_bits = 16;                 ///< that make images of 10 … 14 bits visible (data::DeepImages)

  /// What has happened to the folder since it was read.
  FolderChange change() const { return folder_times_.change(); }

 private:
  OpenedDataset() = default;

  std::filesystem::path folder_;
  data::NameIndex names_;
  std::vector<std::uint32_t> label_ids_;
  std::vector<std::size_t> first_label_ = {0};  ///< of image i in label_ids_; one more at the end
  std::vector<ImageSide> sides_;
  std::vector<ClassSize> classes_;
  std::size_t unlabelled_ = 0;
  bool is_multi_label_ = false;
  FolderTimes folder_times_;
};

}  // namespace margay::studio
