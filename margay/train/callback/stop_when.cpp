#include "margay/train/callback/stop_when.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/train/learner.h"

namespace margay::train {

StopWhen::StopWhen(std::function<bool()> is_stop_wanted) : is_stop_wanted_(std::move(is_stop_wanted)) {
  if (!is_stop_wanted_) throw std::invalid_argument("[StopWhen] is_stop_wanted is empty");
}

void StopWhen::after_batch(Learner& learner, const Progress& at) {
  if (!learner.has_pending_gradients()) stop_if_wanted(at);
  was_gathering_ = at.is_training && learner.has_pending_gradients();
}

void StopWhen::after_train(Learner& /*learner*/, const Progress& at) {
  if (was_gathering_) stop_if_wanted(at);  // else the last batch has asked
  was_gathering_ = false;
}

void StopWhen::stop_if_wanted(const Progress& at) const {
  if (!is_stop_wanted_()) return;
  const std::string epochs = at.epochs == 0 ? "" : fmt::format(" of {}", at.epochs);
  throw core::Interrupted(fmt::format("stopped in epoch {}{} ({}), after batch {} of {}", at.epoch + 1, epochs,
                                      at.stage, at.step + 1, at.steps));
}

}  // namespace margay::train
