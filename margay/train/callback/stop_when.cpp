#include "margay/train/callback/stop_when.h"

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/train/learner.h"

namespace margay::train {

void StopWhen::after_batch(Learner& learner, const Progress& at) {
  if (learner.has_pending_gradients() || !is_stop_wanted_()) return;
  const std::string epochs = at.epochs == 0 ? "" : fmt::format(" of {}", at.epochs);
  throw core::Interrupted(fmt::format("stopped in epoch {}{} ({}), after batch {} of {}", at.epoch + 1, epochs,
                                      at.stage, at.step + 1, at.steps));
}

}  // namespace margay::train
