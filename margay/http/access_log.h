#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace margay::http {

/// What happened to one request.
struct AccessEntry {
  std::chrono::system_clock::time_point time = {};  ///< when its head was complete
  std::string id;
  std::string traceparent;
  std::string peer;
  std::string method;  ///< "" if the request could not be read
  std::string target;
  int status = 0;                    ///< 499: the client left before there was a response
  std::uint64_t request_bytes = 0;   ///< of the body
  std::uint64_t response_bytes = 0;  ///< of the body, as sent
  double seconds = 0;                ///< from the head to the last byte of the response
  std::string user_agent;
  std::string error;  ///< why the server refused it, or what the handler threw; "": nothing
  std::vector<std::pair<std::string, std::string>> more;  ///< Response::log
};

/// Hears of every request, on the thread that serves connections: it must not wait.
using AccessLog = std::function<void(const AccessEntry&)>;

/// The entry as one line of JSON, without a line break: {"time": "2026-01-31T12:00:00.123Z", "id": …}. Empty texts are
/// left out; bytes that are not UTF-8 become U+FFFD. Tokens and cookies are no part of it.
std::string access_line(const AccessEntry& entry);

}  // namespace margay::http
