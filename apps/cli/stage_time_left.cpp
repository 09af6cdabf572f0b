#include "apps/cli/stage_time_left.h"

#include <algorithm>

#include "margay/train/fit_time.h"

namespace margay::cli {
namespace {

/// Validations that begin after this one. Where time decides, one ends the stage.
double later_validations(const train::Progress& at) {
  return at.epochs == 0 ? 0 : static_cast<double>(at.epochs - at.epoch - 1);
}

}  // namespace

void StageTimeLeft::after_batch(const train::Progress& at, std::int64_t valid_batches, double now_s) {
  if (at.is_training) {
    after_training_batch(at, valid_batches, now_s);
  } else {
    after_validation_batch(at, now_s);
  }
  was_training_ = at.is_training;
  now_s_ = now_s;
}

void StageTimeLeft::after_training_batch(const train::Progress& at, std::int64_t valid_batches, double now_s) {
  if (!begin_s_) {
    begin_s_ = now_s;
    begin_fraction_ = at.fraction;
    return;
  }
  if (!was_training_) validation_s_ = this_validation_s_;
  const double done = at.fraction - begin_fraction_;
  if (done <= 0) return;
  // A schedule over time counts validations as well.
  const double spent_s = now_s - *begin_s_ - (at.epochs == 0 ? 0 : validated_s_);
  training_left_s_ = std::max(0.0, spent_s * (1 - at.fraction) / done);
  const double epoch_s = at.epochs == 0 ? 0 : spent_s / done / static_cast<double>(at.epochs);
  const double guess_s = at.steps == 0 ? 0
                                       : epoch_s * static_cast<double>(valid_batches) / static_cast<double>(at.steps) /
                                             train::kValidationSpeed;
  left_s_ = training_left_s_ + validation_s_.value_or(guess_s) * (1 + later_validations(at));
}

void StageTimeLeft::after_validation_batch(const train::Progress& at, double now_s) {
  if (!begin_s_) return;
  if (was_training_) this_validation_s_ = 0;
  this_validation_s_ += now_s - now_s_;
  validated_s_ += now_s - now_s_;
  if (!left_s_) return;
  const double whole_s = this_validation_s_ * static_cast<double>(at.steps) / static_cast<double>(at.step + 1);
  left_s_ = training_left_s_ + whole_s - this_validation_s_ + whole_s * later_validations(at);
}

}  // namespace margay::cli
