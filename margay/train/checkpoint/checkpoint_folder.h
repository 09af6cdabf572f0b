#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/train/checkpoint/snapshot.h"
#include "margay/train/learner.h"

namespace margay::train {

/// The newest checkpoints of one run, as step-<steps made>.safetensors in a folder of its own.
class CheckpointFolder {
 public:
  /// keep: how many, at least 1. The folder is made with the first checkpoint.
  explicit CheckpointFolder(std::filesystem::path folder, std::int64_t keep = 2);

  /// Writes one, and then deletes those that are too many, and those of later steps, which were made before training
  /// went on from an earlier one. Throws core::IoError, and nothing is deleted.
  std::filesystem::path save(Learner& learner) const;

  struct Found {
    std::filesystem::path path;
    Snapshot snapshot;
  };
  /// The newest that is whole; nothing if there is none. problems: takes a sentence for each that is torn, which is
  /// renamed to end in .torn. Throws core::NewerFormatError for one that a later version of Margay wrote.
  std::optional<Found> newest(std::vector<std::string>& problems) const;

  /// Puts back the newest that is whole, and returns which; nothing if there is none, and the learner is as it was.
  /// Throws as newest(), and as train::restore for one of another training.
  std::optional<std::filesystem::path> resume(Learner& learner, std::vector<std::string>& problems) const;

  /// Newest first.
  std::vector<std::filesystem::path> files() const;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  std::size_t keep_;
};

}  // namespace margay::train
