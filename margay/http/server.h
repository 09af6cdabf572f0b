#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/http/access_log.h"
#include "margay/http/hand_over.h"
#include "margay/http/reply.h"

namespace margay::http {

/// Where a server listens and what it takes.
struct ServerOptions {
  std::string host = "127.0.0.1";          ///< a name or an address; "": no TCP
  int port = 8080;                         ///< 0: a free one, which Server::address() tells
  std::filesystem::path unix_socket = {};  ///< a socket in the file system as well; "": none
  std::string unix_mode = "600";           ///< its permissions, octal
  std::vector<int> inherited =
      {};  ///< listening sockets that the program was given (systemd); with any, no others are opened
  std::optional<int> predecessor = {};  ///< where another process hands connections over to this one (hand_over.h)

  std::vector<std::string> allowed_hosts = {};  ///< names that Host may hold, without port; none: any
  std::string cors_origin = "";  ///< pages that may read responses: "https://example.org", or "*"; "": none

  int max_header_kb = 16;                   ///< request line and header fields of one request
  int max_body_mb = 32;                     ///< body of one request
  int max_memory_mb = 512;                  ///< bodies of all requests together; beyond it: 503
  std::optional<int> max_connections = {};  ///< beyond it: 503 at once; absent: 4096, or what open files allow
  double header_seconds = 10;               ///< for the whole head
  double body_seconds = 20;                 ///< for every 64 KiB of the body
  double answer_seconds = 60;               ///< from a request's last byte to the handler's answer, then 503
  double write_seconds = 20;                ///< for every 64 KiB of the response
  double idle_seconds = 75;                 ///< between two requests of a connection
  int io_threads = 1;                       ///< that read and write; handlers begin on them
  int io_priority = -10;                    ///< their nice value, where the system permits it

  static const core::OptionTable& fields();
};

/// What a server calls besides its handler, on its own threads; none may wait.
struct ServerHooks {
  /// Sees a request before its body is read, and may refuse it: the server sends the response at once.
  std::function<std::optional<Response>(const Request& head)> admit = {};
  AccessLog access = {};
  /// Gets the requests that it takes, and what is left when this server drains, each with its whole connection.
  Successor successor = {};
};

/// Numbers since the server began, for metrics.
struct ServerCounts {
  std::int64_t connections = 0;           ///< open now
  std::int64_t in_flight = 0;             ///< requests that the handler has not answered yet
  std::int64_t body_bytes = 0;            ///< held now, for max_memory_mb
  std::uint64_t accepted = 0;             ///< connections
  std::uint64_t refused_connections = 0;  ///< beyond max_connections, or for want of files
  std::uint64_t requests = 0;
  std::uint64_t bad_requests = 0;  ///< refused by the server itself: no HTTP, too large, too slow
};

/// An HTTP/1.1 server (RFC 9110, RFC 9112): keep-alive, pipelined requests in their order, chunked bodies, HEAD,
/// Expect: 100-continue, streams. No TLS: that is a proxy's work.
///
/// A request that two programs could read in two ways is refused with 400 and its connection closed: Content-Length
/// beside Transfer-Encoding, several of either, folded fields, lines that do not end with CR LF, Host missing or twice.
/// Compressed bodies get 415, slow senders 408, large requests 413 and 431.
///
/// One thread (io_threads) reads and writes for all connections. It never computes, so it also refuses at once when all
/// cores are busy; its priority is raised where the system permits it.
class Server {
 public:
  /// Opens the sockets, from now on clients may connect; none is answered before start(). Throws core::Error, naming
  /// the address, if it cannot be had; std::invalid_argument for options out of range.
  Server(ServerOptions options, Handler handler, ServerHooks hooks = {});
  /// Ends at once: what is in flight is cut off. Drain first.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();

  /// Where it listens, "http://127.0.0.1:8080" or "unix:/run/margay.sock", one for each socket.
  const std::vector<std::string>& addresses() const;
  /// The first of them.
  const std::string& address() const { return addresses().front(); }
  int max_connections() const;
  /// The nice value that its threads got; known after start(). More than io_priority where the system refused it.
  int io_priority() const;
  ServerCounts counts() const;

  /// Stops listening, ends event streams and idle connections, answers what is in flight with "Connection: close", and
  /// returns when that is done: true; or when the time is over: false, and the rest has been cut off. A client that has
  /// connected and sent nothing yet gets a second for its request. Afterwards the server has ended.
  bool drain(std::chrono::milliseconds timeout);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace margay::http
