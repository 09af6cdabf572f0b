#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "margay/http/request.h"
#include "margay/http/response.h"

namespace margay::http {

class Exchange;  // one request and its response, between the threads of the server and the handler's

/// A response whose body is written piece by piece: a long file, or events (text/event-stream). Copies are the same
/// stream. Any thread may write, one at a time. When the last copy goes without end(), the client sees a body that was
/// broken off.
class Stream {
 public:
  explicit Stream(std::shared_ptr<Exchange> exchange);

  /// Appends to the body, waiting while more than 256 KiB have not been taken by the client. False when the client has
  /// left, takes nothing for the write limit, or the server ends. Never on the server's own thread (a handler begins
  /// there): it would wait for itself, and throws InternalError.
  bool write(std::string_view bytes) const;
  /// Appends without waiting. False, and the client is let go, if that many bytes have no room. From any thread.
  bool offer(std::string_view bytes) const;
  /// The body is complete.
  void end() const;
  /// Whether the client still listens and the server goes on.
  bool is_open() const;

 private:
  struct Guard;
  std::shared_ptr<Guard> guard_;
};

/// How the handler answers its request: called once, from any thread, now or later. Copies answer the same request. If
/// the last copy goes without an answer, the client gets 500.
class Reply {
 public:
  explicit Reply(std::shared_ptr<Exchange> exchange);

  /// Throws InternalError if the request was answered through this function or stream() before. What comes after the
  /// deadline, or after the client left, is dropped.
  void operator()(Response response) const;
  /// Begins a response whose body follows; `head.body` must be empty.
  Stream stream(Response head) const;
  /// Whether an answer was given.
  bool is_answered() const;

 private:
  struct Guard;
  std::shared_ptr<Guard> guard_;
};

/// Answers requests. It is called on a thread that serves all connections and must not wait or compute: it answers at
/// once, or hands both over to other threads. What it throws is answered with 500 and stands in the access log.
using Handler = std::function<void(Request, Reply)>;

}  // namespace margay::http
