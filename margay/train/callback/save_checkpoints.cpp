#include "margay/train/callback/save_checkpoints.h"

#include <stdexcept>

#include <fmt/format.h>

#include "margay/train/learner.h"

namespace margay::train {

void SaveCheckpoints::before_fit(Learner& learner, const Progress& /*at*/) {
  bool is_behind = false;
  for (const auto& callback : learner.callbacks()) {
    if (is_behind && !callback->state_name().empty()) {
      throw std::invalid_argument(
          fmt::format("[SaveCheckpoints] must be added after '{}', whose state it keeps", callback->state_name()));
    }
    is_behind = is_behind || callback.get() == this;
  }
}

void SaveCheckpoints::after_batch(Learner& learner, const Progress& at) {
  const bool is_due = std::chrono::steady_clock::now() - last_ >= every_;
  if (is_due && at.is_training && !learner.has_pending_gradients()) save(learner);
}

void SaveCheckpoints::after_epoch(Learner& learner, const Progress& /*at*/, const EpochRecord& /*record*/) {
  save(learner);
}

void SaveCheckpoints::save(Learner& learner) {
  try {
    folder_.save(learner);
  } catch (const core::IoError& error) {
    if (on_failure_) on_failure_(error);
  }
  last_ = std::chrono::steady_clock::now();
}

}  // namespace margay::train
