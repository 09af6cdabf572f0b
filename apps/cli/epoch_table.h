#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/cli/progress_line.h"
#include "margay/train/callback/callback.h"
#include "margay/train/progress.h"

namespace margay::cli {

/// How long a stage still takes, validations included: the training steps at the pace of those so far, a validation as
/// long as the last one. Pure: the times are the caller's.
class StageTimeLeft {
 public:
  /// To be called after every batch. valid_batches: of a validation, 0 without one; now_s: by any clock.
  void after_batch(const train::Progress& at, std::int64_t valid_batches, double now_s);

  /// From the last batch on; nothing before the second training batch.
  std::optional<double> seconds() const { return left_s_; }

 private:
  void after_training_batch(const train::Progress& at, std::int64_t valid_batches, double now_s);
  void after_validation_batch(const train::Progress& at, double now_s);

  std::optional<double> begin_s_;       ///< when the first training batch was done
  double begin_fraction_ = 0;           ///< and what was done then of the stage
  double now_s_ = 0;                    ///< of the last batch
  double validated_s_ = 0;              ///< all validations since begin_s_
  double this_validation_s_ = 0;        ///< of the one that is under way
  std::optional<double> validation_s_;  ///< of the last whole one
  double training_left_s_ = 0;
  bool was_training_ = false;
  std::optional<double> left_s_;
};

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
