#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "margay/http/request.h"

namespace margay::http {

/// Whoever waits for a descriptor. It must stay alive until the end of the turn in which it was unwatched.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// events: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR.
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  Watcher() = default;
  Watcher(const Watcher&) = default;
  Watcher& operator=(const Watcher&) = default;
};

/// Waits for many descriptors on one thread (epoll), and runs what other threads ask for there.
class EventLoop {
 public:
  using Task = std::function<void()>;

  /// Throws core::Error if the process has no more descriptors.
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// events: as for epoll_ctl, also EPOLLET and EPOLLEXCLUSIVE. False if the system refuses it.
  bool watch(int descriptor, std::uint32_t events, Watcher& watcher);
  void unwatch(int descriptor);

  /// Runs the task on the loop's thread, in the order of the calls. From any thread; dropped once the loop has ended.
  void post(Task task);
  bool is_own_thread() const { return owner_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }

  /// Serves until stop(). tick: called about every kTick; after_turn: after each turn.
  void run(const Task& tick, const Task& after_turn);
  /// From any thread.
  void stop();

  static constexpr std::chrono::milliseconds kTick{100};

 private:
  void wait(Clock::time_point until);
  void wake() const;
  void run_tasks();
  void drop_tasks();

  int epoll_ = -1;
  int wake_ = -1;  // an eventfd
  std::atomic<std::thread::id> owner_{};
  std::mutex mutex_;
  std::vector<Task> tasks_;
  bool has_ended_ = false;
  std::atomic<bool> stops_{false};
};

}  // namespace margay::http
