#include "apps/serve/client_watch.h"

#include <chrono>
#include <utility>

namespace margay::routes {

ClientWatch::ClientWatch() : thread_([this] { run(); }) {}

ClientWatch::~ClientWatch() {
  {
    const std::scoped_lock lock(mutex_);
    is_ended_ = true;
  }
  wakes_.notify_one();
  thread_.join();
}

ClientWatch::Watched ClientWatch::watch(std::shared_ptr<const std::atomic<bool>> left) {
  auto source = std::make_unique<std::stop_source>();
  if (left == nullptr) return source;
  std::list<Entry>::iterator entry;
  {
    const std::scoped_lock lock(mutex_);
    entry = entries_.insert(entries_.end(), {std::move(left), *source});
  }
  return {source.release(), [this, entry](std::stop_source* watched) {
            {
              const std::scoped_lock lock(mutex_);
              entries_.erase(entry);
            }
            delete watched;  // NOLINT(cppcoreguidelines-owning-memory): the pointer's own deleter
          }};
}

void ClientWatch::run() {
  constexpr std::chrono::milliseconds kPause(50);
  std::unique_lock lock(mutex_);
  while (!wakes_.wait_for(lock, kPause, [this] { return is_ended_; })) look();
}

void ClientWatch::look() {
  for (Entry& entry : entries_) {
    if (entry.left->load(std::memory_order_relaxed)) entry.source.request_stop();
  }
}

}  // namespace margay::routes
