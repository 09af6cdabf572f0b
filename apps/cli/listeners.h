#pragma once

#include <memory>

#include "apps/cli/listener_options.h"
#include "apps/cli/run_folder.h"
#include "margay/train/learner.h"

namespace margay::cli {

/// Those who listen to a training by the user's choice, and what they do at its end.
class Listeners {
 public:
  /// Adds them to the learner, the logs in the run's folder last. Throws std::invalid_argument as check_listeners and
  /// as the callbacks.
  Listeners(train::Learner& learner, const ListenerOptions& options, const RunFolder& folder);

  /// Puts into the model what is to be saved: the average of the weights, if one was kept. Returns whether the last
  /// epoch's results may be those of other weights.
  bool finish(train::Learner& learner);

 private:
  ListenerOptions options_;
  std::shared_ptr<train::WeightAverage> average_;
  std::shared_ptr<train::Swa> swa_;
};

}  // namespace margay::cli
