#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/cli/progress_line.h"
#include "margay/train/callback/callback.h"
#include "margay/train/progress.h"

namespace margay::cli {

/// Estimates the remaining time of a stage, including validations: training steps at the average speed so far, a
/// validation as long as the last one. It reads no clock: the caller passes the times.
class StageTimeLeft {
 public:
  /// Call it after every batch. valid_batches: the batches of a validation, 0 without one; now_s: of any clock.
  void after_batch(const train::Progress& at, std::int64_t valid_batches, double now_s);

  /// The remaining seconds at the last batch; nothing before the second training batch.
  std::optional<double> seconds() const { return left_s_; }

 private:
  void after_training_batch(const train::Progress& at, std::int64_t valid_batches, double now_s);
  void after_validation_batch(const train::Progress& at, double now_s);

  std::optional<double> begin_s_;       ///< when the first training batch was done
  double begin_fraction_ = 0;           ///< progress of the stage at begin_s_
  double now_s_ = 0;                    ///< of the last batch
  double validated_s_ = 0;              ///< all validations since begin_s_
  double this_validation_s_ = 0;        ///< of the current validation
  std::optional<double> validation_s_;  ///< of the last complete validation
  double training_left_s_ = 0;
  bool was_training_ = false;
  std::optional<double> left_s_;
};

/// Prints fastai's table: epoch, train_loss, valid_loss, metrics, time; with a progress line during an epoch, and a new
/// header for each stage of a recipe.
class EpochTable : public train::Callback {
 public:
  void during_probe(train::Learner& learner, std::int64_t images, std::int64_t total) override;
  void after_probe(train::Learner& learner, const train::Probe& probe) override;
  void before_fit(train::Learner& learner, const train::Progress& at) override;
  void before_epoch(train::Learner& learner, const train::Progress& at) override;
  void after_batch(train::Learner& learner, const train::Progress& at) override;
  void after_train(train::Learner& learner, const train::Progress& at) override;
  void after_epoch(train::Learner& learner, const train::Progress& at, const train::EpochRecord& record) override;

 private:
  void print_head(const train::Learner& learner, const std::string& stage);
  void warn_of_lost_output();

  ProgressLine line_;
  bool has_warned_ = false;
  bool is_probing_ = false;
  StageTimeLeft time_left_;
};

/// The progress line's text for a training step: images per second, smoothed loss, the head's rate, share of time
/// waiting.
std::string training_text(const train::Progress& at);

}  // namespace margay::cli
