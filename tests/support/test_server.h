#pragma once

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace margay::testing_support {

/// What a client asked a TestServer for.
struct SeenRequest {
  std::string target;                 ///< "/file.bin"; the whole address where the server is taken for a proxy
  std::string head;                   ///< all lines, in small letters
  std::optional<std::uint64_t> from;  ///< of Range: bytes=FROM-
  std::string if_range;
};

/// The server's end of one connection. Plain here; a test may encrypt it.
class ServerConnection {
 public:
  explicit ServerConnection(int socket, const std::atomic<bool>& ends) : socket_(socket), ends_(ends) {}
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;
  virtual ~ServerConnection() { ::close(socket_); }

  virtual long read(char* bytes, std::size_t size) { return ::recv(socket_, bytes, size, 0); }
  virtual long write(const char* bytes, std::size_t size) { return ::send(socket_, bytes, size, MSG_NOSIGNAL); }

  /// Sends all of it; false when the client is gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const long sent = write(bytes.data(), bytes.size());
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Says nothing until the client goes or the server ends.
  void stall() const {
    while (!ends_) {
      pollfd wait{.fd = socket_, .events = POLLRDHUP, .revents = 0};
      if (::poll(&wait, 1, 10) > 0) return;
    }
  }

  int socket() const { return socket_; }

 private:
  int socket_;
  const std::atomic<bool>& ends_;
};

/// A web server on this machine that does with each request what a test says, so that a client can be shown every
/// fault.
class TestServer {
 public:
  using Handler = std::function<void(ServerConnection&, const SeenRequest&)>;
  using Accept = std::function<std::unique_ptr<ServerConnection>(int socket, const std::atomic<bool>& ends)>;

  explicit TestServer(Handler handler, Accept accept = plain)
      : handler_(std::move(handler)), accept_(std::move(accept)) {
    std::signal(SIGPIPE, SIG_IGN);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(here);
    const bool listens = ::bind(listener_, reinterpret_cast<sockaddr*>(&here), size) == 0 &&
                         ::listen(listener_, 64) == 0 &&
                         ::getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &size) == 0;
    if (!listens) throw std::runtime_error("no socket to listen at");
    port_ = ntohs(here.sin_port);
    loop_ = std::thread([this] { serve(); });
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer() {
    ends_ = true;
    loop_.join();
    for (std::thread& each : connections_) each.join();
    ::close(listener_);
  }

  std::string url(const std::string& file, const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_) + "/" + file;
  }
  int port() const { return port_; }

  std::vector<SeenRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  static std::unique_ptr<ServerConnection> plain(int socket, const std::atomic<bool>& ends) {
    return std::make_unique<ServerConnection>(socket, ends);
  }

  void serve() {
    while (!ends_) {
      pollfd wait{.fd = listener_, .events = POLLIN, .revents = 0};
      if (::poll(&wait, 1, 10) <= 0) continue;
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket >= 0) connections_.emplace_back([this, socket] { answer(socket); });
    }
  }

  void answer(int socket) {
    const std::unique_ptr<ServerConnection> connection = accept_(socket, ends_);
    if (!connection) return;
    std::string head;
    char bytes[4096];  // NOLINT(modernize-avoid-c-arrays)
    while (head.find("\r\n\r\n") == std::string::npos) {
      const long got = connection->read(bytes, sizeof(bytes));
      if (got <= 0) return;
      head.append(bytes, static_cast<std::size_t>(got));
    }
    const SeenRequest request = parse(head);
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    handler_(*connection, request);
  }

  static std::string header(const std::string& head, const std::string& lower, const std::string& name) {
    const std::size_t at = lower.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }

  static SeenRequest parse(const std::string& head) {
    SeenRequest request{.head = head};
    std::transform(request.head.begin(), request.head.end(), request.head.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::size_t space = head.find(' ');
    request.target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    request.if_range = header(head, request.head, "if-range");
    const std::string range = header(head, request.head, "range");
    std::uint64_t from = 0;
    if (range.starts_with("bytes=")) {
      std::from_chars(range.data() + 6, range.data() + range.size(), from);
      request.from = from;
    }
    return request;
  }

  Handler handler_;
  Accept accept_;
  std::atomic<bool> ends_ = false;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<SeenRequest> requests_;
  std::vector<std::thread> connections_;
  std::thread loop_;
};

/// The head and the bytes of an answer as RFC 9110 wants it, Range and If-Range included.
struct HonestAnswer {
  std::string head;
  std::string_view bytes;
};

inline HonestAnswer honest_answer(const SeenRequest& request, const std::string& content, const std::string& etag) {
  const bool is_same = request.if_range.empty() || request.if_range == etag;
  const bool is_part = request.from && is_same;
  if (is_part && *request.from >= content.size()) {
    return {"HTTP/1.1 416 No\r\nContent-Range: bytes */" + std::to_string(content.size()) +
                "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            {}};
  }
  const std::uint64_t from = is_part ? *request.from : 0;
  std::string head = is_part ? "HTTP/1.1 206 Part\r\n" : "HTTP/1.1 200 OK\r\n";
  if (is_part) {
    head += "Content-Range: bytes " + std::to_string(from) + "-" + std::to_string(content.size() - 1) + "/" +
            std::to_string(content.size()) + "\r\n";
  }
  head += "Content-Length: " + std::to_string(content.size() - from) + "\r\nETag: " + etag +
          "\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n\r\n";
  return {head, std::string_view(content).substr(from)};
}

/// Answers so.
inline void answer_honestly(ServerConnection& connection, const SeenRequest& request, const std::string& content,
                            const std::string& etag = "\"one\"") {
  const HonestAnswer answer = honest_answer(request, content, etag);
  connection.send(answer.head);
  connection.send(answer.bytes);
}

inline void answer_status(ServerConnection& connection, const std::string& status, const std::string& more = "") {
  connection.send("HTTP/1.1 " + status + "\r\nContent-Length: 0\r\nConnection: close\r\n" + more + "\r\n");
}

}  // namespace margay::testing_support
