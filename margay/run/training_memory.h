#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "margay/data/source/known_images.h"
#include "margay/data/source/names.h"

namespace margay::run {

/// What is known of the images that a model was trained and validated on. Names come from the split file of its run if
/// that lies beside the model, otherwise from the digests in the model; contents always from these.
class TrainingMemory {
 public:
  /// model: the file of the model. Throws core::DataError and core::FormatError for a damaged split file.
  TrainingMemory(data::KnownImages known, const std::filesystem::path& model);

  /// Whether nothing is known, as for a model of an earlier version outside its run's folder.
  bool empty() const { return split_file_.empty() && known_.empty(); }
  bool knows_contents() const { return !known_.train_contents.empty(); }
  /// name: relative to the training's folder.
  data::TrainingPart part_of_name(std::string_view name) const;
  /// checksum: of data::ContentChecksums.
  data::TrainingPart part_of_contents(std::uint64_t checksum) const;
  /// The number of images that trained and validated.
  std::size_t size() const;

  /// The split file in use; empty if there is none.
  const std::filesystem::path& split_file() const { return split_file_; }
  /// The training's folder, as the run beside the model knows it.
  const std::optional<std::filesystem::path>& folder() const { return folder_; }

 private:
  void read_split(const std::filesystem::path& run);

  data::KnownImages known_;
  std::filesystem::path split_file_;
  data::NameIndex names_;        ///< of the split file
  std::vector<bool> validates_;  ///< by name
  std::optional<std::filesystem::path> folder_;
};

}  // namespace margay::run
