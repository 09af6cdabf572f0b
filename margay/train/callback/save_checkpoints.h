#pragma once

#include <filesystem>
#include <functional>

#include "margay/core/error.h"
#include "margay/train/callback/callback.h"

namespace margay::train {

/// Writes a checkpoint after every epoch, over the previous one. When writing fails (disk full) training goes on,
/// the previous checkpoint stays, and `on_failure` hears of it.
class SaveCheckpoints : public Callback {
 public:
  SaveCheckpoints(std::filesystem::path path, std::function<void(const core::IoError&)> on_failure)
      : path_(std::move(path)), on_failure_(std::move(on_failure)) {}

  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;

 private:
  std::filesystem::path path_;
  std::function<void(const core::IoError&)> on_failure_;
};

}  // namespace margay::train
