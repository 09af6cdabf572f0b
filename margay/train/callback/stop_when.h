#pragma once

#include <functional>

#include "margay/train/callback/callback.h"

namespace margay::train {

/// Ends the run after the step in which `is_stop_wanted` answers yes, by throwing core::Interrupted: the weights
/// are then whole, those of the step just made.
class StopWhen : public Callback {
 public:
  explicit StopWhen(std::function<bool()> is_stop_wanted) : is_stop_wanted_(std::move(is_stop_wanted)) {}
  void after_batch(Learner& learner, const Progress& at) override;

 private:
  std::function<bool()> is_stop_wanted_;
};

}  // namespace margay::train
