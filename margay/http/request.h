#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "margay/http/headers.h"
#include "margay/http/target.h"

namespace margay::http {

using Clock = std::chrono::steady_clock;

/// One request, whole and checked. Without its body in hooks that decide by the head alone.
struct Request {
  std::string method = "GET";
  std::string target;                  ///< as the client wrote it
  std::string path;                    ///< decoded; which paths are refused: parse_target
  std::vector<QueryField> query;       ///< decoded, in order
  std::vector<QueryField> parameters;  ///< what the segments {name} of the route's pattern hold
  Headers headers;                     ///< as the client sent them, except Transfer-Encoding's chunks
  std::string body;                    ///< chunks put together; moved along, never copied
  std::string id;                      ///< of X-Request-Id, or a new one; also in the response and the log
  std::string traceparent;             ///< a valid one (W3C Trace Context), or ""
  std::string peer;                    ///< "127.0.0.1:51234", "[::1]:51234" or "unix"
  Clock::time_point received = {};     ///< when its last byte had come
  Clock::time_point deadline = Clock::time_point::max();  ///< after it the server answers 503 itself
  std::shared_ptr<const std::atomic<bool>> client_left = nullptr;

  /// The client has closed the connection: nobody waits for the response any more. A client that only closed its
  /// sending side has not left. May be asked from any thread.
  bool cancelled() const { return client_left && client_left->load(std::memory_order_relaxed); }

  /// The value of {name} in the route's pattern, or "".
  std::string_view parameter(std::string_view name) const;
  /// The first value of that name in the query, or nullptr.
  const std::string* query_value(std::string_view name) const;
  /// The cookie of that name, or "" (RFC 6265, section 5.4).
  std::string_view cookie(std::string_view name) const;
  /// The media type of the body in small letters, without its parameters: "image/jpeg".
  std::string media_type() const;
  /// The token of "Authorization: Bearer TOKEN", or "" (RFC 6750).
  std::string_view bearer_token() const;
  /// Whether the request was made by a page of this server or by no page at all: its Origin, if any, names its Host.
  bool is_same_origin() const;
};

}  // namespace margay::http
