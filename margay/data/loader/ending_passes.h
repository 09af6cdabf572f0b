#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace margay::data {

/// What passes leave behind whose threads have not ended. At idle priority, next to busy programs, threads get the
/// processor every few seconds only, and need it to end; nobody is to wait for that between two passes. Destroying this
/// does wait. Safe to use from several threads.
class EndingPasses {
 public:
  /// is_over: whether destroying `what` takes no waiting.
  void add(std::shared_ptr<void> what, std::function<bool()> is_over);
  /// Destroys what is over.
  void sweep();
  std::size_t size() const;

 private:
  struct Ending {
    std::shared_ptr<void> what;
    std::function<bool()> is_over;
  };

  mutable std::mutex mutex_;
  std::vector<Ending> endings_;
};

}  // namespace margay::data
