#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "margay/http/event_loop.h"
#include "margay/http/exchange.h"
#include "margay/http/request_reader.h"
#include "margay/http/server.h"

namespace margay::http {

/// What all connections of a server share.
struct ServerState {
  ServerOptions options;
  Handler handler;
  ServerHooks hooks;
  int max_connections = 0;
  std::atomic<bool> is_draining{false};
  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> in_flight{0};
  std::atomic<std::int64_t> body_bytes{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused_connections{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> bad_requests{0};
};

class Connection;

/// The thread that a connection lives on.
class ConnectionHome {
 public:
  virtual ~ConnectionHome() = default;
  virtual const std::shared_ptr<EventLoop>& loop() = 0;
  /// Memory for what is being received, shared by all connections: an idle one holds none.
  virtual std::vector<char>& scratch() = 0;
  virtual std::string_view date() = 0;
  /// The connection is closed; it lives on until the end of the turn.
  virtual void forget(Connection& connection) = 0;

 protected:
  ConnectionHome() = default;
  ConnectionHome(const ConnectionHome&) = default;
  ConnectionHome& operator=(const ConnectionHome&) = default;
};

/// One client's connection: reads a request, waits for its response, writes it, and goes on. One request at a time, so
/// pipelined ones are answered in their order; what a client sends meanwhile stays in the system's buffers.
class Connection : public Watcher, public ResponseTaker, public std::enable_shared_from_this<Connection> {
 public:
  /// Takes the socket over.
  Connection(int socket, ServerState& state, ConnectionHome& home);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// received: what another process has read of it.
  void begin(std::string received = {});
  /// Sends the response to whoever connected, reads nothing and closes.
  void refuse_client(Response response);
  void drain();
  void tick(Clock::time_point now);
  /// Ends at once; a handler that still works is told so.
  void cut_off();
  bool is_lingering() const { return phase_ == Phase::kLingering; }

  void on_events(std::uint32_t events) override;
  void take_response(const Exchange& exchange, Response response) override;
  void begin_stream(const Exchange& exchange, Response head) override;
  void continue_stream(const Exchange& exchange) override;

 private:
  enum class Phase {
    kReading,      // a request, or waiting for one
    kHandingOver,  // to the successor, which reads that request anew
    kAnswering,    // the handler has it
    kWriting,      // the response
    kStreaming,    // a response whose body comes piece by piece
    kLingering,    // all is said: the client may still be sending, and must not lose the response
    kClosed
  };

  template <class Step>
  void guarded(Step step);
  void advance();
  bool step();

  // Reading.
  bool read_request();
  bool receive();
  void receive_end();
  std::size_t take_bytes(std::string_view bytes);
  void begin_head();
  void end_head();
  void begin_entry(const Request& request);
  std::optional<Response> refusal_by_head();
  void refuse_unread(Response response);
  void count_body();
  void invite_body();
  void refuse(const RequestError& problem);
  void dispatch();
  void next_request();

  // A process that takes over.
  bool has_successor() const { return state_.hooks.successor.end >= 0; }
  bool ends_with_response() const { return !keeps_alive_ || (state_.is_draining && !has_successor()); }
  bool hand_over();

  // Writing.
  void begin_response(Response response);
  bool send_out();
  bool write_response();
  bool write_stream();
  void write_stream_head(Response head);
  void take_stream_piece();
  void finish_response();
  void say_in_passing(std::string_view bytes);

  // Ending.
  bool ask_whether_client_left();
  bool discard();
  void linger();
  void lose_client();
  void leave_handler();
  void write_log();
  void close();
  void set_deadline(double seconds);

  ServerState& state_;
  ConnectionHome& home_;
  int socket_;
  std::string peer_;
  Phase phase_ = Phase::kReading;
  Clock::time_point deadline_ = Clock::time_point::max();
  bool readable_ = true;
  bool writable_ = true;
  bool peer_finished_ = false;  // it sends nothing more
  bool is_asked_ = false;       // whether it has left
  bool is_unused_ = true;       // no request has come over it

  RequestReader reader_;
  std::string pending_;           // received, of later requests
  std::int64_t held_ = 0;         // bytes of the body counted in state_.body_bytes
  std::uint64_t step_bytes_ = 0;  // since the deadline was set
  bool discards_body_ = false;
  bool is_dispatching_ = false;
  bool is_in_flight_ = false;
  std::shared_ptr<Exchange> exchange_;
  Headers cors_headers_;  // of the request: what CORS looks at

  std::string out_head_;
  std::string out_body_;
  std::size_t out_sent_ = 0;
  bool is_head_request_ = false;
  bool is_http_11_ = true;
  bool keeps_alive_ = true;
  bool closes_ = false;
  bool is_event_stream_ = false;
  bool stream_is_ended_ = false;
  std::uint64_t discarded_ = 0;

  bool has_entry_ = false;
  AccessEntry entry_;
  Clock::time_point received_ = {};
};

}  // namespace margay::http
