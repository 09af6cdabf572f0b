#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "margay/http/event_loop.h"
#include "margay/http/response.h"

namespace margay::http {

class Exchange;

/// The connection that waits for a response. Called on the loop's thread only.
class ResponseTaker {
 public:
  virtual ~ResponseTaker() = default;
  virtual void take_response(const Exchange& exchange, Response response) = 0;
  virtual void begin_stream(const Exchange& exchange, Response head) = 0;
  virtual void continue_stream(const Exchange& exchange) = 0;

 protected:
  ResponseTaker() = default;
  ResponseTaker(const ResponseTaker&) = default;
  ResponseTaker& operator=(const ResponseTaker&) = default;
};

/// One request between the thread of its connection and those of the handler, which may outlive the server.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::shared_ptr<EventLoop> loop, std::weak_ptr<ResponseTaker> taker, std::chrono::milliseconds write_limit)
      : loop_(std::move(loop)), taker_(std::move(taker)), write_limit_(write_limit) {}

  // The handler's side.
  bool is_answered() const { return is_answered_; }
  void answer(Response response);
  void begin_stream(Response head);
  bool write(std::string_view bytes);
  bool offer(std::string_view bytes);
  void end(bool is_complete);
  bool is_open() const;

  // The connection's side.
  /// What the handler wrote since the last call. What was taken before has been sent.
  struct Written {
    std::string bytes;
    bool is_ended = false;
    bool is_broken = false;
  };
  Written take_written();
  /// Nobody takes a response any more.
  void leave();
  const std::atomic<bool>& client_left() const { return client_left_; }

  static constexpr std::size_t kRoom = std::size_t{256} << 10U;  // bytes of a stream that may wait

 private:
  template <class Step>
  void on_loop(Step step);
  bool has_room(std::size_t bytes) const { return waiting_.empty() || waiting_.size() + in_hand_ + bytes <= kRoom; }
  void notify();

  const std::shared_ptr<EventLoop> loop_;
  const std::weak_ptr<ResponseTaker> taker_;
  const std::chrono::milliseconds write_limit_;
  std::atomic<bool> is_answered_{false};
  std::atomic<bool> client_left_{false};

  mutable std::mutex mutex_;  // of what follows, for streams
  std::condition_variable room_;
  std::string waiting_;
  std::size_t in_hand_ = 0;  // bytes that the connection took and has not sent
  bool is_ended_ = false;
  bool is_broken_ = false;
  bool is_notified_ = false;
};

}  // namespace margay::http
