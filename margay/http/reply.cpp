#include "margay/http/reply.h"

#include <utility>

#include "margay/core/error.h"
#include "margay/http/exchange.h"

namespace margay::http {

/// Runs the step with the connection, now if this is its thread.
template <class Step>
void Exchange::on_loop(Step step) {
  auto run = [self = shared_from_this(), step = std::move(step)]() mutable {
    if (const auto taker = self->taker_.lock()) step(*taker, *self);
  };
  loop_->is_own_thread() ? run() : loop_->post(std::move(run));
}

void Exchange::answer(Response response) {
  MARGAY_CHECK(!is_answered_.exchange(true), "a request is answered twice");
  on_loop([response = std::move(response)](ResponseTaker& taker, const Exchange& self) mutable {
    taker.take_response(self, std::move(response));
  });
}

void Exchange::begin_stream(Response head) {
  MARGAY_CHECK(head.body.empty(), "a stream begins with a body");
  MARGAY_CHECK(!is_answered_.exchange(true), "a request is answered twice");
  on_loop([head = std::move(head)](ResponseTaker& taker, const Exchange& self) mutable {
    taker.begin_stream(self, std::move(head));
  });
}

bool Exchange::write(std::string_view bytes) {
  MARGAY_CHECK(!loop_->is_own_thread(), "Stream::write would wait for its own thread; use offer");
  {
    std::unique_lock lock(mutex_);
    const bool has_place = room_.wait_for(lock, write_limit_, [&] { return client_left_ || has_room(bytes.size()); });
    if (client_left_ || is_ended_ || is_broken_) return false;
    if (!has_place) is_broken_ = true;
    if (has_place) waiting_.append(bytes);
  }
  notify();
  return is_open();
}

bool Exchange::offer(std::string_view bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (client_left_ || is_ended_ || is_broken_) return false;
    if (has_room(bytes.size())) {
      waiting_.append(bytes);
    } else {
      is_broken_ = true;
    }
  }
  notify();
  return is_open();
}

void Exchange::end(bool is_complete) {
  {
    const std::lock_guard lock(mutex_);
    if (is_ended_ || is_broken_) return;
    (is_complete ? is_ended_ : is_broken_) = true;
  }
  notify();
}

bool Exchange::is_open() const {
  const std::lock_guard lock(mutex_);
  return !client_left_ && !is_ended_ && !is_broken_;
}

/// Never inside a call of the connection: it may be the one that writes.
void Exchange::notify() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_notified_, true)) return;
  }
  loop_->post([self = shared_from_this()] {
    if (const auto taker = self->taker_.lock()) taker->continue_stream(*self);
  });
}

Exchange::Written Exchange::take_written() {
  Written written;
  {
    const std::lock_guard lock(mutex_);
    written = {.bytes = std::exchange(waiting_, {}), .is_ended = is_ended_, .is_broken = is_broken_};
    in_hand_ = written.bytes.size();
    is_notified_ = false;
  }
  room_.notify_all();
  return written;
}

void Exchange::leave() {
  {
    const std::lock_guard lock(mutex_);
    client_left_ = true;
  }
  room_.notify_all();
}

struct Reply::Guard {
  explicit Guard(std::shared_ptr<Exchange> given) : exchange(std::move(given)) {}
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() {
    if (exchange->is_answered()) return;
    Response response = error(500, "the server gave no answer");
    response.log.emplace_back("error", "the handler let its Reply go without an answer");
    exchange->answer(std::move(response));
  }
  std::shared_ptr<Exchange> exchange;
};

Reply::Reply(std::shared_ptr<Exchange> exchange) : guard_(std::make_shared<Guard>(std::move(exchange))) {}

void Reply::operator()(Response response) const { guard_->exchange->answer(std::move(response)); }

Stream Reply::stream(Response head) const {
  guard_->exchange->begin_stream(std::move(head));
  return Stream(guard_->exchange);
}

bool Reply::is_answered() const { return guard_->exchange->is_answered(); }

struct Stream::Guard {
  explicit Guard(std::shared_ptr<Exchange> given) : exchange(std::move(given)) {}
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() { exchange->end(false); }
  std::shared_ptr<Exchange> exchange;
};

Stream::Stream(std::shared_ptr<Exchange> exchange) : guard_(std::make_shared<Guard>(std::move(exchange))) {}

bool Stream::write(std::string_view bytes) const { return guard_->exchange->write(bytes); }
bool Stream::offer(std::string_view bytes) const { return guard_->exchange->offer(bytes); }
void Stream::end() const { guard_->exchange->end(true); }
bool Stream::is_open() const { return guard_->exchange->is_open(); }

}  // namespace margay::http
