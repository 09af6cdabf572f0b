#include "margay/data/loader/ending_passes.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace margay::data {

void EndingPasses::add(std::shared_ptr<void> what, std::function<bool()> is_over) {
  const std::lock_guard lock(mutex_);
  endings_.push_back({std::move(what), std::move(is_over)});
}

void EndingPasses::sweep() {
  std::vector<Ending> over;  // destroyed without the lock
  const std::lock_guard lock(mutex_);
  const auto first =
      std::partition(endings_.begin(), endings_.end(), [](const Ending& each) { return !each.is_over(); });
  std::move(first, endings_.end(), std::back_inserter(over));
  endings_.erase(first, endings_.end());
}

std::size_t EndingPasses::size() const {
  const std::lock_guard lock(mutex_);
  return endings_.size();
}

}  // namespace margay::data
