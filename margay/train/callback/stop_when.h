#pragma once

#include <functional>

#include "margay/train/callback/callback.h"

namespace margay::train {

/// Ends the run after the step in which `is_stop_wanted` returns true, by throwing core::Interrupted: the weights
/// are then whole, those of the step just made. The last step of an epoch of gathered batches is made after its last
/// batch, so the end of the training pass asks, too.
class StopWhen : public Callback {
 public:
  /// Throws std::invalid_argument for an empty function.
  explicit StopWhen(std::function<bool()> is_stop_wanted);
  void after_batch(Learner& learner, const Progress& at) override;
  void after_train(Learner& learner, const Progress& at) override;

 private:
  void stop_if_wanted(const Progress& at) const;

  std::function<bool()> is_stop_wanted_;
  bool was_gathering_ = false;  ///< gradients of the last batch waited for their step
};

}  // namespace margay::train
