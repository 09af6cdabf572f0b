#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/train/callback/callback.h"
#include "margay/train/log/event_file.h"
#include "margay/train/log/log_failure.h"
#include "margay/train/log/log_options.h"

namespace margay::train {

/// Curves for TensorBoard (`tensorboard --logdir FOLDER`). For every options.log_every-th training step loss/train,
/// loss/smooth, lr/0 … (one per group), momentum and images_per_s; for every epoch loss/valid and metric/<name>, where
/// there are such numbers. Their step: training steps so far, over all fits, from 1.
///
/// Each log writes a new file into the folder. One whose state was loaded goes on with the steps, and TensorBoard drops
/// what an interrupted training had logged after its checkpoint. For that it must be added before the callback that
/// saves checkpoints. A file that cannot be written does not stop the training: `on_failure` hears of it once, and the
/// points are missing.
class TensorBoardLog : public Callback {
 public:
  /// Throws std::invalid_argument for options out of range. Folder and file are made with the first point.
  TensorBoardLog(std::filesystem::path folder, LogFailureListener on_failure, const LogOptions& options = {});

  void after_batch(Learner& learner, const Progress& at) override;
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;

  std::string state_name() const override { return "tensorboard_log"; }
  CallbackState state() const override { return {.values = {{"step", step_}}}; }
  void load_state(const CallbackState& state, const std::filesystem::path& source) override;

 private:
  void write(const std::vector<LoggedScalar>& scalars);

  std::filesystem::path folder_;
  LogFailure failure_;
  LogOptions options_;
  std::int64_t step_ = 0;
  std::optional<std::int64_t> first_step_;  ///< of a training that goes on
  std::optional<EventFile> file_;
};

}  // namespace margay::train
