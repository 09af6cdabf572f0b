#pragma once

#include <string>

#include "apps/cli/progress_line.h"
#include "apps/cli/stage_time_left.h"
#include "margay/train/callback/callback.h"

namespace margay::cli {

/// Prints the table that fastai prints: epoch, train_loss, valid_loss, metrics, time; with a progress line while an
/// epoch runs. A new header for each stage of a recipe.
class EpochTable : public train::Callback {
 public:
  void before_fit(train::Learner& learner, const train::Progress& at) override;
  void before_epoch(train::Learner& learner, const train::Progress& at) override;
  void after_batch(train::Learner& learner, const train::Progress& at) override;
  void after_train(train::Learner& learner, const train::Progress& at) override;
  void after_epoch(train::Learner& learner, const train::Progress& at, const train::EpochRecord& record) override;

 private:
  ProgressLine line_;
  StageTimeLeft time_left_;
};

/// What the line says of a training step: images per second, smoothed loss, the head's rate, share of time waiting.
std::string training_text(const train::Progress& at);

}  // namespace margay::cli
