#pragma once

#include <functional>
#include <memory>

#include <nlohmann/json.hpp>

#include "apps/cli/listener_options.h"
#include "apps/cli/run_folder.h"
#include "margay/train/learner.h"

namespace margay::cli {

/// Those who listen to a training by the user's choice, and what they do at its end.
class Listeners {
 public:
  /// What the file of the best model says of its making; asked after an epoch.
  using Describe = std::function<nlohmann::ordered_json(const train::Learner&)>;

  /// Adds them to the learner, the logs in the run's folder last. Throws std::invalid_argument as check_listeners and
  /// as the callbacks.
  Listeners(train::Learner& learner, const ListenerOptions& options, const RunFolder& folder, Describe describe);

  /// Puts into the model what is to be saved: the average of the weights, if one was kept. Returns whether the last
  /// epoch's results may be those of other weights.
  bool finish(train::Learner& learner);

 private:
  ListenerOptions options_;
  std::shared_ptr<train::WeightAverage> average_;
  std::shared_ptr<train::Swa> swa_;
};

}  // namespace margay::cli
