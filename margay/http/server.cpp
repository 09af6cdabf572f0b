#include "margay/http/server.h"

#include <algorithm>
#include <future>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <sys/resource.h>

#include "margay/core/error.h"
#include "margay/http/connection.h"
#include "margay/http/io_thread.h"
#include "margay/http/listener.h"

namespace margay::http {

const core::OptionTable& ServerOptions::fields() {
  using S = ServerOptions;
  static const core::OptionTable table(
      "server",
      {core::field<&S::host>("host", "name or address to listen on"),
       core::field<&S::port>("port", "0: a free one, which is printed", {0, 65535}),
       core::field<&S::unix_socket>("unix_socket", "listen on this Unix socket as well"),
       core::field<&S::unix_mode>("unix_mode", "permissions of the Unix socket, octal", {core::needs({"unix_socket"})}),
       core::field<&S::allowed_hosts>("allowed_hosts", "refuse requests whose Host is another name; none: any"),
       core::field<&S::cors_origin>("cors_origin", "pages of this origin may read responses, https://NAME or *"),
       core::field<&S::max_header_kb>("max_header_kb", "of one request's head, KB", {1, 1024}),
       core::field<&S::max_body_mb>("max_body_mb", "of one request's body, MB", {1, 2047}),
       core::field<&S::max_memory_mb>("max_memory_mb", "of all requests' bodies together, MB; beyond it 503",
                                      {1, 1 << 20}),
       core::field<&S::max_connections>("max_connections", "beyond it 503; default: 4096, or what open files allow",
                                        {1, 1 << 20}),
       core::field<&S::header_seconds>("header_seconds", "for the head of a request to arrive", {0.1, 3600}),
       core::field<&S::body_seconds>("body_seconds", "for each 64 KB of the body to arrive", {0.1, 3600}),
       core::field<&S::answer_seconds>("answer_seconds", "for the answer to be computed; then 503", {0.1, 86400}),
       core::field<&S::write_seconds>("write_seconds", "for the client to take each 64 KB of the response",
                                      {0.1, 3600}),
       core::field<&S::idle_seconds>("idle_seconds", "that an unused connection is kept", {0.1, 86400}),
       core::field<&S::io_threads>("io_threads", "that read requests and write responses", {1, 64}),
       core::field<&S::io_priority>("io_priority", "their nice value, where the system permits it", {-20, 19})});
  return table;
}

namespace {

constexpr int kDefaultConnections = 4096;
constexpr int kOtherFiles = 64;  // models, logs, epoll …

/// Open files that connections may take.
int files_for_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kDefaultConnections;
  const auto files = static_cast<std::int64_t>(std::min<rlim_t>(limit.rlim_cur, rlim_t{1} << 30U));
  return static_cast<int>(std::max<std::int64_t>(files - kOtherFiles, 1));
}

int resolved_connections(const ServerOptions& options) {
  const int possible = files_for_connections();
  const int wanted = options.max_connections.value_or(std::min(possible, kDefaultConnections));
  if (wanted <= possible) return wanted;
  throw std::invalid_argument(
      fmt::format("[server] `max_connections` is {}, but this process may open {} files, which is enough for {}; raise "
                  "that limit (ulimit -n, LimitNOFILE)",
                  wanted, possible + kOtherFiles, possible));
}

void check_origin(const std::string& origin) {
  const std::size_t scheme = origin.find("://");
  const bool is_origin = scheme != std::string::npos && scheme + 3 < origin.size() &&
                         origin.find_first_of("/ ,?#", scheme + 3) == std::string::npos;
  if (!origin.empty() && origin != "*" && !is_origin) {
    throw std::invalid_argument(fmt::format(
        "[server] `cors_origin` must be * or an origin such as https://example.org, without a path, got {}", origin));
  }
}

std::vector<Listener> open_listeners(const ServerOptions& options) {
  std::vector<Listener> listeners;
  for (const int socket : options.inherited) listeners.push_back(listen_inherited(socket));
  if (!listeners.empty()) return listeners;
  if (!options.host.empty()) listeners = listen_tcp(options.host, options.port);
  if (!options.unix_socket.empty()) listeners.push_back(listen_unix(options.unix_socket, options.unix_mode));
  if (listeners.empty())
    throw std::invalid_argument("[server] nothing to listen on: `host` and `unix_socket` are empty");
  return listeners;
}

/// The options, if they hold together.
ServerOptions checked(ServerOptions options) {
  core::validate(options);
  check_origin(options.cors_origin);
  return options;
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, Handler handler, ServerHooks hooks) {
    state_.options = checked(std::move(options));
    state_.handler = std::move(handler);
    state_.hooks = std::move(hooks);
    state_.max_connections = resolved_connections(state_.options);
    listeners_ = open_listeners(state_.options);
    for (const Listener& listener : listeners_) addresses_.push_back(listener.address());
    for (int i = 0; i < state_.options.io_threads; ++i) {
      const int predecessor = i == 0 ? state_.options.predecessor.value_or(-1) : -1;
      threads_.push_back(std::make_unique<IoThread>(state_, listeners_, predecessor));
    }
  }

  ~Impl() { stop(); }

  void start() {
    MARGAY_CHECK(!is_started_, "a server is started twice");
    is_started_ = true;
    for (const auto& thread : threads_) thread->start();
  }

  bool drain(std::chrono::milliseconds timeout) {
    MARGAY_CHECK(is_started_ && !state_.is_draining, "a server that does not run is drained");
    const Clock::time_point end = Clock::now() + timeout;
    state_.is_draining = true;
    for (const auto& thread : threads_) thread->drain();
    for (const auto& thread : threads_) thread->no_longer_listening().wait();
    for (Listener& listener : listeners_) listener.close();
    bool is_done = true;
    for (const auto& thread : threads_) {
      is_done = thread->all_answered().wait_until(end) == std::future_status::ready && is_done;
    }
    // What lingers still receives; clients that saw the end of their response close at once.
    stop();
    return is_done;
  }

  void stop() {
    for (const auto& thread : threads_) thread->stop();
    for (Listener& listener : listeners_) listener.close();
  }

  ServerCounts counts() const {
    return {.connections = state_.connections,
            .in_flight = state_.in_flight,
            .body_bytes = state_.body_bytes,
            .accepted = state_.accepted,
            .refused_connections = state_.refused_connections,
            .requests = state_.requests,
            .bad_requests = state_.bad_requests};
  }

  const std::vector<std::string>& addresses() const { return addresses_; }
  int max_connections() const { return state_.max_connections; }
  int io_priority() const { return threads_.front()->priority(); }

 private:
  ServerState state_;
  std::vector<Listener> listeners_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<IoThread>> threads_;  // before what they use is gone
  bool is_started_ = false;
};

Server::Server(ServerOptions options, Handler handler, ServerHooks hooks)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler), std::move(hooks))) {}
Server::~Server() = default;

void Server::start() { impl_->start(); }
bool Server::drain(std::chrono::milliseconds timeout) { return impl_->drain(timeout); }
const std::vector<std::string>& Server::addresses() const { return impl_->addresses(); }
int Server::max_connections() const { return impl_->max_connections(); }
int Server::io_priority() const { return impl_->io_priority(); }
ServerCounts Server::counts() const { return impl_->counts(); }

}  // namespace margay::http
