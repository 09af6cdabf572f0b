#include "apps/studio/changes.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <nlohmann/json.hpp>

#include "margay/http/response.h"

namespace margay::studio {
namespace {

/// A proxy forgets a connection on which nothing comes, and after a laptop has slept, or a network has changed, neither
/// end may hear of it. By the event "beat" the page knows that the studio is there, and the studio who has left.
constexpr std::chrono::seconds kHeartbeat{15};
constexpr std::size_t kMostPages = 256;

}  // namespace

Changes::Changes(std::chrono::milliseconds pace, std::string greeting)
    : pace_(pace), greeting_(std::move(greeting)), thread_([this] { run(); }) {}

Changes::~Changes() {
  {
    const std::scoped_lock lock(mutex_);
    is_ended_ = true;
  }
  wakes_.notify_one();
  thread_.join();
}

void Changes::publish(const std::string& topic, const nlohmann::ordered_json& data) {
  send(http::event_text(data.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace), topic));
}

void Changes::send(const std::string& event) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(streams_, [&](const http::Stream& stream) { return !stream.is_open() || !stream.offer(event); });
}

void Changes::watch(Look look) {
  auto shared = std::make_shared<const Look>(std::move(look));
  const std::scoped_lock lock(mutex_);
  looks_.push_back(std::move(shared));
}

void Changes::listen(http::Stream stream) {
  if (!stream.offer(http::event_text(greeting_, "hello"))) return;
  {
    const std::scoped_lock lock(mutex_);
    if (streams_.size() >= kMostPages) streams_.erase(streams_.begin());
    streams_.push_back(std::move(stream));
  }
  wakes_.notify_one();
}

std::size_t Changes::listeners() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(streams_.begin(), streams_.end(), [](const http::Stream& stream) { return stream.is_open(); }));
}

void Changes::run() {
  Clock::time_point beat = Clock::now();
  while (true) {
    std::vector<std::shared_ptr<const Look>> looks;  // not copies, which would forget what a look has seen
    {
      std::unique_lock lock(mutex_);
      wakes_.wait(lock, [this] { return is_ended_ || !streams_.empty(); });
      if (is_ended_) return;
      looks = looks_;
    }
    for (const auto& look : looks) {
      try {
        (*look)();
      } catch (const std::exception&) {  // a page that asks for the same is told, and the next look may succeed
      }
    }
    if (Clock::now() - beat >= kHeartbeat) {
      beat = Clock::now();
      send(http::event_text("{}", "beat"));
    }
    std::unique_lock lock(mutex_);
    std::erase_if(streams_, [](const http::Stream& stream) { return !stream.is_open(); });
    wakes_.wait_for(lock, pace_, [this] { return is_ended_; });
    if (is_ended_) return;
  }
}

}  // namespace margay::studio
