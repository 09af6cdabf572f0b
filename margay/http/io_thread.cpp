#include "margay/http/io_thread.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "margay/http/hand_over.h"
#include "margay/http/response_head.h"

namespace margay::http {
namespace {

constexpr std::size_t kScratchBytes = std::size_t{64} << 10U;
constexpr int kAcceptsOfTurn = 64;
constexpr int kMostWaiting = 4096;   // clients that connected before the server drained
constexpr int kRefusedAtOnce = 256;  // that still get their 503 in peace

int open_spare_file() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

/// Signals are the program's: no thread of the library takes them.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

/// For a client without a connection of its own: one send, whatever becomes of it.
void refuse_and_close(int socket, std::string_view date) {
  const Response response = unavailable("the server has no more connections");
  const std::string bytes = response_head(response, {.date = date, .closes = true}) + response.body;
  ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  ::shutdown(socket, SHUT_WR);
  std::array<char, 4096> unread{};  // what is left unread would make the system throw the response away
  while (::recv(socket, unread.data(), unread.size(), MSG_DONTWAIT) > 0) continue;
  ::close(socket);
}

}  // namespace

class IoThread::Acceptor : public Watcher {
 public:
  Acceptor(IoThread& thread, int socket) : thread_(thread), socket_(socket) {}
  int socket() const { return socket_; }

  void on_events(std::uint32_t /*events*/) override {
    for (int i = 0; i < kAcceptsOfTurn && thread_.accept_one(socket_);) ++i;
  }

 private:
  IoThread& thread_;
  int socket_;
};

/// Takes over what the predecessor has accepted.
class IoThread::Heir : public Watcher {
 public:
  Heir(IoThread& thread, int end) : thread_(thread), end_(end) {}
  Heir(const Heir&) = delete;
  Heir& operator=(const Heir&) = delete;
  ~Heir() override { ::close(end_); }

  /// The predecessor may go from now on: its end reads as ended.
  void begin() {
    thread_.loop_->watch(end_, EPOLLIN, *this);
    ::shutdown(end_, SHUT_WR);
  }
  void on_events(std::uint32_t /*events*/) override {
    for (int i = 0; i < kAcceptsOfTurn; ++i) {
      HandedOver taken = take_over(end_);
      if (taken.is_last) return thread_.loop_->unwatch(end_);
      if (taken.socket < 0) return;
      thread_.add(taken.socket, std::move(taken.received));
    }
  }

 private:
  IoThread& thread_;
  int end_;
};

IoThread::IoThread(ServerState& state, const std::vector<Listener>& listeners, int predecessor)
    : state_(state), scratch_(kScratchBytes), spare_file_(open_spare_file()) {
  for (const Listener& listener : listeners) acceptors_.push_back(std::make_unique<Acceptor>(*this, listener.socket()));
  if (predecessor >= 0) heir_ = std::make_unique<Heir>(*this, predecessor);
}

IoThread::~IoThread() {
  stop();
  if (spare_file_ >= 0) ::close(spare_file_);
}

void IoThread::start() {
  const SignalsBlocked blocked;
  std::promise<void> has_priority;  // goes with the thread, which may still be in set_value when the wait is over
  const std::future<void> began = has_priority.get_future();
  thread_ = std::thread([this, has_priority = std::move(has_priority)]() mutable {
    ::pthread_setname_np(::pthread_self(), "margay-http");
    const auto self = static_cast<id_t>(::gettid());
    ::setpriority(PRIO_PROCESS, self, state_.options.io_priority);  // an ordinary user may not raise it
    priority_ = ::getpriority(PRIO_PROCESS, self);
    has_priority.set_value();
    run();
  });
  began.wait();
}

void IoThread::run() {
  watch_acceptors();
  if (heir_) heir_->begin();
  loop_->run([this] { tick(); }, [this] { end_turn(); });
  for (const auto& connection : all_connections()) connection->cut_off();
  connections_.clear();
  closed_.clear();
}

void IoThread::drain() {
  loop_->post([this] { begin_drain(); });
}

void IoThread::begin_drain() {
  for (const auto& acceptor : acceptors_) {
    for (int i = 0; i < kMostWaiting && accept_one(acceptor->socket());) ++i;
    if (is_accepting_) loop_->unwatch(acceptor->socket());
  }
  if (heir_) heir_->on_events(EPOLLIN);
  is_accepting_ = false;
  is_draining_ = true;
  listened_.set_value();
  for (const auto& connection : all_connections()) connection->drain();
}

void IoThread::stop() {
  if (!thread_.joinable()) return;
  loop_->stop();
  thread_.join();
}

std::string_view IoThread::date() {
  const std::time_t now = std::time(nullptr);
  if (std::exchange(date_second_, now) != now) date_ = http_date(now);
  return date_;
}

void IoThread::forget(Connection& connection) {
  const auto found = connections_.find(&connection);
  if (found == connections_.end()) return;
  closed_.push_back(std::move(found->second));
  connections_.erase(found);
}

void IoThread::tick() {
  if (!is_accepting_ && !is_draining_) watch_acceptors();
  if (spare_file_ < 0) spare_file_ = open_spare_file();
  const Clock::time_point now = Clock::now();
  for (const auto& connection : all_connections()) connection->tick(now);
}

void IoThread::end_turn() {
  closed_.clear();
  if (!is_draining_ || is_done_) return;
  is_done_ = std::all_of(connections_.begin(), connections_.end(),
                         [](const auto& entry) { return entry.second->is_lingering(); });
  if (is_done_) answered_.set_value();
}

/// Only one thread is woken for a client that several could accept.
void IoThread::watch_acceptors() {
  is_accepting_ = true;
  for (const auto& acceptor : acceptors_) loop_->watch(acceptor->socket(), EPOLLIN | EPOLLEXCLUSIVE, *acceptor);
}

bool IoThread::accept_one(int listener) {
  const int socket = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket >= 0) {
    add(socket);
    return true;
  }
  if (errno == EINTR || errno == ECONNABORTED) return true;
  if (errno == EMFILE || errno == ENFILE) {
    refuse_for_want_of_files(listener);
  } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
    pause_accepting();
  }
  return false;
}

/// Without descriptors accept() fails at once, again and again, while the client waits in the queue. One that was kept
/// for this takes the client and refuses it.
void IoThread::refuse_for_want_of_files(int listener) {
  if (spare_file_ >= 0) ::close(std::exchange(spare_file_, -1));
  const int socket = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket >= 0) {
    ++state_.refused_connections;
    refuse_and_close(socket, date());
  }
  spare_file_ = open_spare_file();
  if (socket < 0 || spare_file_ < 0) pause_accepting();
}

/// Until the next tick.
void IoThread::pause_accepting() {
  if (!std::exchange(is_accepting_, false)) return;
  for (const auto& acceptor : acceptors_) loop_->unwatch(acceptor->socket());
}

void IoThread::add(int socket, std::string received) {
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // fails for Unix sockets, which need none
  const bool is_full = state_.connections >= state_.max_connections;
  if (is_full) ++state_.refused_connections;
  if (state_.connections >= state_.max_connections + kRefusedAtOnce) return refuse_and_close(socket, date());
  const auto connection = std::make_shared<Connection>(socket, state_, *this);
  connections_[connection.get()] = connection;
  if (is_full) return connection->refuse_client(unavailable("the server has as many connections as it may"));
  ++state_.accepted;
  connection->begin(std::move(received));
}

std::vector<std::shared_ptr<Connection>> IoThread::all_connections() const {
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections_.size());
  for (const auto& entry : connections_) all.push_back(entry.second);
  return all;
}

}  // namespace margay::http
