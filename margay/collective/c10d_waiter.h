#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "margay/collective/group.h"

namespace margay::collective {

/// What all calls of one group share, also with works that outlive it.
class Waiter {
 public:
  void begin(std::string operation) {
    const std::lock_guard lock(changing_);
    if (reason_) throw GroupInterrupted(*reason_);
    activity_.operation = std::move(operation);
    activity_.since = std::chrono::steady_clock::now();
  }

  /// Waits until the work is done, or for an interrupt.
  void await(c10d::Work& work, const std::string& operation, const std::shared_ptr<Waiter>& self) {
    begin(operation);
    const auto is_done = std::make_shared<bool>(false);
    work.getFuture()->addCallback([self, is_done](c10::ivalue::Future& /*future*/) {
      const std::lock_guard lock(self->changing_);
      *is_done = true;
      self->changed_.notify_all();
    });
    std::unique_lock lock(changing_);
    changed_.wait(lock, [&] { return *is_done || reason_; });
    if (reason_) throw GroupInterrupted(*reason_);
    lock.unlock();
    finish(work, operation);
    end();
  }

  /// For work that has no future, and is known to be done or waits in a stream of the GPU.
  void finish(c10d::Work& work, const std::string& operation) {
    try {
      work.wait();
    } catch (const std::exception& error) {
      throw_lost(operation, error);
    }
  }

  void set_position(std::string position) {
    const std::lock_guard lock(changing_);
    activity_ = {.position = std::move(position), .operation = {}, .since = std::chrono::steady_clock::now()};
  }
  Activity activity() const {
    const std::lock_guard lock(changing_);
    return activity_;
  }
  void interrupt(const std::string& reason) {
    const std::lock_guard lock(changing_);
    if (!reason_) reason_ = reason;
    changed_.notify_all();
  }
  /// Whether a call has failed, so that the engine's threads may wait for ever.
  bool is_broken() const {
    const std::lock_guard lock(changing_);
    return reason_.has_value();
  }

  /// Sets the reason of all later calls, and throws it.
  [[noreturn]] void throw_lost(const std::string& operation, const std::exception& error) {
    const std::string position = activity().position;
    const std::string message =
        fmt::format("[distributed] another process was lost while this one waited for {}{}{}: {}", operation,
                    position.empty() ? "" : " in ", position, core::without_stack_frames(error.what()));
    interrupt(message);
    throw ProcessLost(message);
  }

 private:
  void end() {
    const std::lock_guard lock(changing_);
    activity_.operation.clear();
    activity_.since = std::chrono::steady_clock::now();
  }

  mutable std::mutex changing_;
  std::condition_variable changed_;
  Activity activity_;
  std::optional<std::string> reason_;
};

}  // namespace margay::collective
