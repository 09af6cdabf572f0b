#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

namespace margay::routes {

/// Cancels what is computed for clients that have left: looks at their connections every 50 ms.
class ClientWatch {
 public:
  ClientWatch();
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;
  ~ClientWatch();

  /// One request, watched while this object or a copy lives, which must not be longer than the watch.
  using Watched = std::shared_ptr<std::stop_source>;

  /// left: Request::client_left; null: nothing is watched, and the result has a source that never stops.
  Watched watch(std::shared_ptr<const std::atomic<bool>> left);

 private:
  struct Entry {
    std::shared_ptr<const std::atomic<bool>> left;
    std::stop_source source;
  };

  void run();
  void look();

  std::mutex mutex_;
  std::condition_variable wakes_;
  std::list<Entry> entries_;
  bool is_ended_ = false;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace margay::routes
