#pragma once

#include <cstdint>

#include "margay/train/callback/callback.h"

namespace margay::train {

/// Before every step, scales all gradients down together so that their global norm is at most `max_norm`
/// (clip_by_norm). Learners that scale the loss have divided the gradients by the scale before.
class ClipGradientNorm : public Callback {
 public:
  /// Throws std::invalid_argument unless positive.
  explicit ClipGradientNorm(double max_norm);
  void before_step(Learner& learner, const Progress& at) override;

  /// The norm of the latest step before clipping; NaN before the first.
  double norm() const { return norm_; }
  /// Steps so far whose gradients were too long.
  std::int64_t clipped_steps() const { return clipped_steps_; }

 private:
  double max_norm_;
  double norm_;
  std::int64_t clipped_steps_ = 0;
};

/// Before every step, brings each element of the gradients into [-limit, limit] (clip_by_value).
class ClipGradientValue : public Callback {
 public:
  /// Throws std::invalid_argument unless positive.
  explicit ClipGradientValue(double limit);
  void before_step(Learner& learner, const Progress& at) override;

 private:
  double limit_;
};

}  // namespace margay::train
