#include "margay/train/callback/stop_when.h"

#include <fmt/format.h>

#include "margay/core/error.h"

namespace margay::train {

void StopWhen::after_batch(Learner& /*learner*/, const Progress& at) {
  if (!is_stop_wanted_()) return;
  throw core::Interrupted(fmt::format("stopped in epoch {} of {} ({}), after batch {} of {}", at.epoch + 1, at.epochs,
                                      at.stage, at.step + 1, at.steps));
}

}  // namespace margay::train
