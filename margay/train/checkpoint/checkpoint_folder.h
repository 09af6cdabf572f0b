#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "margay/core/error.h"
#include "margay/train/callback/callback.h"
#include "margay/train/checkpoint/checkpoint.h"
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

/// Writes a checkpoint after every epoch, and within one when the last is older than `every`. When writing fails (disk
/// full) training goes on, the previous checkpoints stay, and `on_failure`, if there is one, hears of it. To be added
/// behind all callbacks that have a state, so that it keeps what they know of the same event.
class SaveCheckpoints : public Callback {
 public:
  using Failure = std::function<void(const core::IoError&)>;

  SaveCheckpoints(CheckpointFolder folder, std::chrono::duration<double> every, Failure on_failure)
      : folder_(std::move(folder)), every_(every), on_failure_(std::move(on_failure)) {}

  /// Throws std::invalid_argument when a callback with a state comes behind it.
  void before_fit(Learner& learner, const Progress& at) override;
  void after_batch(Learner& learner, const Progress& at) override;
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;

 private:
  void save(Learner& learner);

  CheckpointFolder folder_;
  std::chrono::duration<double> every_;
  Failure on_failure_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace margay::train
