#pragma once

#include <chrono>
#include <functional>

#include "margay/core/error.h"
#include "margay/train/callback/callback.h"
#include "margay/train/checkpoint/checkpoint_folder.h"

namespace margay::train {

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
