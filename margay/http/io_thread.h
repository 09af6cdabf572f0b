#pragma once

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "margay/http/connection.h"
#include "margay/http/event_loop.h"
#include "margay/http/listener.h"

namespace margay::http {

/// One thread that accepts connections and serves them. Several may share the listening sockets.
class IoThread : public ConnectionHome {
 public:
  /// predecessor: the end from which connections are taken over; none: -1.
  IoThread(ServerState& state, const std::vector<Listener>& listeners, int predecessor = -1);
  ~IoThread() override;
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  void start();
  /// Accepts whoever has connected, then nobody more, and lets connections end.
  void drain();
  /// When drain() has stopped listening, and when it is done with all requests.
  std::future<void> no_longer_listening() { return listened_.get_future(); }
  std::future<void> all_answered() { return answered_.get_future(); }
  /// Cuts off what is left and waits for the thread.
  void stop();
  /// The nice value that the thread got.
  int priority() const { return priority_; }

  const std::shared_ptr<EventLoop>& loop() override { return loop_; }
  std::vector<char>& scratch() override { return scratch_; }
  std::string_view date() override;
  void forget(Connection& connection) override;

 private:
  class Acceptor;
  class Heir;

  void run();
  void tick();
  void end_turn();
  void begin_drain();
  void watch_acceptors();
  /// False: there is nobody more.
  bool accept_one(int listener);
  void refuse_for_want_of_files(int listener);
  void pause_accepting();
  void add(int socket, std::string received = {});
  std::vector<std::shared_ptr<Connection>> all_connections() const;

  ServerState& state_;
  std::shared_ptr<EventLoop> loop_ = std::make_shared<EventLoop>();
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::unique_ptr<Heir> heir_;  // of a predecessor, if there is one
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<Connection>> closed_;  // of this turn
  std::vector<char> scratch_;
  std::string date_;
  std::time_t date_second_ = 0;
  int spare_file_ = -1;  // given up to accept and refuse where the process has no other
  bool is_accepting_ = false;
  bool is_draining_ = false;
  bool is_done_ = false;
  std::promise<void> listened_;
  std::promise<void> answered_;
  int priority_ = 0;
  std::thread thread_;
};

}  // namespace margay::http
