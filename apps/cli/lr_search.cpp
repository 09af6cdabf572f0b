#include "apps/cli/lr_search.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/cli/progress_line.h"
#include "apps/cli/stop_signal.h"
#include "margay/core/error.h"
#include "margay/train/learner.h"

namespace margay::cli {

train::LrFindResult search_lr(train::Learner& learner, const train::LrSweepOptions& options) {
  ProgressLine line;
  line.begin("lr-find");
  return train::lr_find(learner, options, [&](std::int64_t step, double lr, double loss) {
    if (is_stop_wanted()) throw core::Interrupted("stopped while searching for a learning rate");
    line.show(step + 1, options.num_it, fmt::format("lr {:.1e}  loss {:.4f}", lr, loss));
  });
}

double suggested_lr(train::Learner& learner) {
  const train::LrFindResult found = search_lr(learner);
  const auto valley = std::find_if(found.suggestions.begin(), found.suggestions.end(),
                                   [](const train::LrSuggestion& suggestion) { return suggestion.name == "valley"; });
  if (valley != found.suggestions.end()) return valley->lr;
  throw core::Error("[lr_find] the curve has no valley; look at it with `margay lr-find`, and give --base-lr");
}

}  // namespace margay::cli
