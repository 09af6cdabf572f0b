#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "margay/collective/process_group.h"

namespace margay::collective {

/// A store that one thread asks while another sees how long the call takes: it hangs where the process that keeps the
/// store is stopped.
class WatchedStore {
 public:
  using Clock = std::chrono::steady_clock;

  explicit WatchedStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  std::optional<std::string> find(const std::string& key) {
    const Call calling(*this);
    return store_->find(key);
  }
  void set(const std::string& key, const std::string& value) {
    const Call calling(*this);
    store_->set(key, value);
  }

  /// How long the call that is being made has taken; 0 where none is. Any thread.
  Clock::duration time_in_call() const {
    const std::lock_guard lock(changing_);
    return begun_at_ ? Clock::now() - *begun_at_ : Clock::duration::zero();
  }
  /// Forgets the time that the call has taken. Any thread.
  void restart_clock() {
    const std::lock_guard lock(changing_);
    if (begun_at_) begun_at_ = Clock::now();
  }

 private:
  class Call {
   public:
    explicit Call(WatchedStore& store) : store_(store) { set(Clock::now()); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() { set(std::nullopt); }

   private:
    void set(std::optional<Clock::time_point> begun_at) {
      const std::lock_guard lock(store_.changing_);
      store_.begun_at_ = begun_at;
    }

    WatchedStore& store_;
  };

  std::unique_ptr<Store> store_;
  mutable std::mutex changing_;
  std::optional<Clock::time_point> begun_at_;
};

}  // namespace margay::collective
