#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "margay/http/client.h"
#include "margay/http/server.h"

namespace margay::testing_support {

/// Waits until the condition holds, 5 s at most; whether it does.
inline bool comes_true(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!condition() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return condition();
}

/// Answers with the request's method, path and body.
inline void echo(const http::Request& request, const http::Reply& reply) {
  reply(http::text(request.method + " " + request.path + " " + request.body));
}

/// A server on a free port, with its access log.
class HttpServer {
 public:
  explicit HttpServer(http::Handler handler = echo, http::ServerOptions options = {}, http::ServerHooks hooks = {})
      : server_(on_free_port(std::move(options)), std::move(handler), with_log(std::move(hooks))) {
    server_.start();
  }

  http::Server& operator*() { return server_; }
  http::Server* operator->() { return &server_; }
  int port() const { return std::stoi(server_.address().substr(server_.address().rfind(':') + 1)); }
  http::ClientResponse get(const std::string& target) { return http::Client(server_.address()).get(target); }

  std::vector<http::AccessEntry> log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  /// The first entries of the log, once so many are there.
  std::vector<http::AccessEntry> log_of(std::size_t entries) {
    EXPECT_TRUE(comes_true([&] { return log().size() >= entries; }));
    return log();
  }

 private:
  static http::ServerOptions on_free_port(http::ServerOptions options) {
    options.port = 0;
    return options;
  }
  http::ServerHooks with_log(http::ServerHooks hooks) {
    hooks.access = [this](const http::AccessEntry& entry) {
      const std::lock_guard lock(mutex_);
      log_.push_back(entry);
    };
    return hooks;
  }

  std::mutex mutex_;
  std::vector<http::AccessEntry> log_;
  http::Server server_;
};

/// A client that sends whatever bytes a test wants.
class RawClient {
 public:
  explicit RawClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  RawClient(int port, std::string_view bytes) : RawClient(port) { send(bytes); }
  RawClient(RawClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), is_connected_(other.is_connected_) {}
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient() { close(); }

  bool is_connected() const { return is_connected_; }
  bool send(std::string_view bytes) const {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  void finish_sending() const { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  /// Closes with a reset instead of an end.
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

  /// What comes until the server closes, or until `enough` has come; 5 s at most.
  std::string receive(std::string_view enough = "") const {
    std::string received;
    while (enough.empty() || received.find(enough) == std::string::npos) {
      pollfd wait{.fd = socket_, .events = POLLIN, .revents = 0};
      if (::poll(&wait, 1, 5000) <= 0) return received + "<nothing for 5 s>";
      char bytes[4096];
      const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
      if (got <= 0) return received;
      received.append(bytes, static_cast<std::size_t>(got));
    }
    return received;
  }

 private:
  int socket_;
  bool is_connected_ = false;
};

/// What a server answers to these bytes until it closes.
inline std::string answer_to(int port, std::string_view bytes) { return RawClient(port, bytes).receive(); }

/// The status that it answers with.
inline int status_of(int port, std::string_view bytes) {
  const std::string answer = answer_to(port, bytes);
  return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

inline std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace margay::testing_support
