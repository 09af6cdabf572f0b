#include "margay/http/event_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "margay/core/error.h"

namespace margay::http {
namespace {

[[noreturn]] void fail_loop(const char* call) {
  throw core::Error(std::string("cannot serve: ") + call + ": " + std::strerror(errno));
}

}  // namespace

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll_ >= 0 && wake_ >= 0 && ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0) return;
  const int error = errno;
  for (const int descriptor : {epoll_, wake_}) {
    if (descriptor >= 0) ::close(descriptor);
  }
  errno = error;
  fail_loop("epoll");
}

EventLoop::~EventLoop() {
  ::close(wake_);
  ::close(epoll_);
}

bool EventLoop::watch(int descriptor, std::uint32_t events, Watcher& watcher) {
  epoll_event event{.events = events, .data = {.ptr = &watcher}};
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void EventLoop::unwatch(int descriptor) { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr); }

void EventLoop::post(Task task) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    if (has_ended_) return;
    is_first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (is_first) wake();
}

void EventLoop::run(const Task& tick, const Task& after_turn) {
  owner_ = std::this_thread::get_id();
  Clock::time_point next_tick = Clock::now() + kTick;
  while (!stops_) {
    wait(next_tick);
    run_tasks();
    if (Clock::now() >= next_tick) {
      tick();
      next_tick = Clock::now() + kTick;
    }
    after_turn();
  }
  drop_tasks();
}

void EventLoop::stop() {
  stops_ = true;
  wake();
}

void EventLoop::wait(Clock::time_point until) {
  std::array<epoll_event, 256> events{};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(std::max<std::int64_t>(left, 0)));
  if (count < 0 && errno != EINTR) fail_loop("epoll_wait");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr) {
      static_cast<Watcher*>(event.data.ptr)->on_events(event.events);
    } else {
      std::uint64_t calls = 0;
      [[maybe_unused]] const ssize_t got = ::read(wake_, &calls, sizeof calls);
    }
  }
}

void EventLoop::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(wake_, &one, sizeof one);  // fails only where it would wake anyway
}

void EventLoop::run_tasks() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const Task& task : tasks) task();
}

/// Tasks may own what owns the loop.
void EventLoop::drop_tasks() {
  std::vector<Task> tasks;
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  tasks.swap(tasks_);
}

}  // namespace margay::http
