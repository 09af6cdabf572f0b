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

/// The newest checkpoints of one run, as step-<number of steps>.safetensors in their own folder.
class CheckpointFolder {
 public:
  /// keep: the number of checkpoints kept, at least 1. The folder is made with the first checkpoint.
  explicit CheckpointFolder(std::filesystem::path folder, std::int64_t keep = 2);

  /// Writes a checkpoint, then deletes surplus ones, and those of later steps, which were made before training was
  /// resumed from an earlier one. Throws core::IoError, and then deletes nothing.
  std::filesystem::path save(Learner& learner) const;

  struct Found {
    std::filesystem::path path;
    Snapshot snapshot;
  };
  /// The newest complete checkpoint; nothing if there is none. problems: gets a sentence for each incomplete one, which
  /// is renamed to end in .torn. Throws core::NewerFormatError for one that a later version of Margay wrote.
  std::optional<Found> newest(std::vector<std::string>& problems) const;

  /// Restores the newest complete checkpoint and returns its path; returns nothing, and does not change the learner, if
  /// there is none. Throws as newest(), and as train::restore for a checkpoint of another training.
  std::optional<std::filesystem::path> resume(Learner& learner, std::vector<std::string>& problems) const;

  /// Newest first.
  std::vector<std::filesystem::path> files() const;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  std::size_t keep_;
};

/// Of several processes that of rank 0 writes, since all have the same state. Writes a checkpoint after every epoch,
/// and within an epoch if the last one is older than `every`. If writing fails (disk full), training continues, the
/// previous checkpoints stay, and `on_failure`, if there is one, is called. Add it after all callbacks that have a
/// state, so that it saves their state after the same event.
class SaveCheckpoints : public Callback {
 public:
  using Failure = std::function<void(const core::IoError&)>;

  SaveCheckpoints(CheckpointFolder folder, std::chrono::duration<double> every, Failure on_failure)
      : folder_(std::move(folder)), every_(every), on_failure_(std::move(on_failure)) {}

  /// Throws std::invalid_argument if a callback with a state comes after it.
  void before_fit(Learner& learner, const Progress& at) override;
  void after_batch(Learner& learner, const Progress& at) override;
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;
  bool wants(Wish wish) const override { return wish == Wish::kCheckpoint && is_due(); }

 private:
  bool is_due() const { return std::chrono::steady_clock::now() - last_ >= every_; }
  void save(Learner& learner);

  CheckpointFolder folder_;
  std::chrono::duration<double> every_;
  Failure on_failure_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace margay::train
