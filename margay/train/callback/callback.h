#pragma once

#include "margay/train/progress.h"

namespace margay::train {

class Learner;

/// Listens to the training loop, in the order of the events below. One callback does one job; it may change the
/// learner (learner.cancel_fit() ends the fit after the current step) or throw to end everything.
class Callback {
 public:
  virtual ~Callback() = default;
  virtual void before_fit(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void before_epoch(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void before_batch(Learner& /*learner*/, const Progress& /*at*/) {}
  /// at.logits and at.loss are those of this batch. The gradient, in a training pass, is not there yet.
  virtual void after_loss(Learner& /*learner*/, const Progress& /*at*/) {}
  /// Gradients are there; the optimizer has not used them.
  virtual void before_step(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_batch(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_train(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_validate(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_epoch(Learner& /*learner*/, const Progress& /*at*/, const EpochRecord& /*record*/) {}
  virtual void after_fit(Learner& /*learner*/, const Progress& /*at*/) {}
};

}  // namespace margay::train
