// One state machine, read from top to bottom: a request arrives, is answered, written, and the connection ends. Its
// phases stay in one file, hence its length.
#include "margay/http/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <exception>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "margay/http/listener.h"
#include "margay/http/response_head.h"
#include "margay/http/trace.h"

namespace margay::http {
namespace {

constexpr std::uint64_t kPaceBytes = 64U << 10U;      // a limit of time is for so many bytes
constexpr std::uint64_t kDiscardable = 1U << 20U;     // a refused body of that size is read, to keep the connection
constexpr std::uint64_t kMostLingering = 16U << 20U;  // bytes
constexpr double kLingerSeconds = 2;
constexpr double kFirstRequestSeconds = 1;  // that a client which has just connected gets when the server drains
constexpr int kStepsOfTurn = 32;            // then other connections have their turn
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr int kClientLeft = 499;

RequestReader::Limits reader_limits(const ServerOptions& options) {
  return {.header_bytes = static_cast<std::size_t>(options.max_header_kb) << 10U,
          .body_bytes = static_cast<std::uint64_t>(options.max_body_mb) << 20U};
}

std::string_view without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  return colon == std::string_view::npos || host.ends_with(']') ? host : host.substr(0, colon);
}

bool may_name_host(const std::vector<std::string>& allowed, std::string_view host) {
  return allowed.empty() || std::any_of(allowed.begin(), allowed.end(),
                                        [&](const std::string& name) { return equal_names(name, without_port(host)); });
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

}  // namespace

Connection::Connection(int socket, ServerState& state, ConnectionHome& home)
    : state_(state), home_(home), socket_(socket), peer_(peer_of(socket)), reader_(reader_limits(state.options)) {
  ++state_.connections;
}

Connection::~Connection() {
  if (phase_ != Phase::kClosed) ::close(socket_);
  --state_.connections;
}

void Connection::begin(std::string received) {
  pending_ = std::move(received);
  set_deadline(state_.options.header_seconds);
  if (home_.loop()->watch(socket_, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, *this)) return advance();
  close();
}

void Connection::refuse_client(Response response) {
  keeps_alive_ = false;
  readable_ = false;  // nothing is read before the response is out
  begin_response(std::move(response));
  if (!home_.loop()->watch(socket_, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, *this)) return close();
  advance();
}

void Connection::on_events(std::uint32_t events) {
  if (phase_ == Phase::kClosed) return;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return lose_client();
  if ((events & EPOLLOUT) != 0) writable_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
  if ((events & EPOLLRDHUP) != 0) peer_finished_ = true;
  advance();
}

/// Where memory runs out, this client is let go, and the others are served.
template <class Step>
void Connection::guarded(Step step) {
  try {
    step();
  } catch (const std::exception& problem) {
    entry_.error = problem.what();
    cut_off();
  }
}

void Connection::advance() {
  guarded([this] {
    for (int steps = 0; step(); ++steps) {
      if (steps < kStepsOfTurn) continue;
      return home_.loop()->post([self = weak_from_this()] {
        if (const auto connection = self.lock()) connection->advance();
      });
    }
  });
}

bool Connection::step() {
  switch (phase_) {
    case Phase::kReading:
      return read_request();
    case Phase::kHandingOver:
      return hand_over();
    case Phase::kAnswering:
      return ask_whether_client_left();
    case Phase::kWriting:
      return write_response();
    case Phase::kStreaming:
      return write_stream();
    case Phase::kLingering:
      return discard();
    case Phase::kClosed:
      return false;
  }
  return false;
}

bool Connection::read_request() {
  if (pending_.empty()) return receive();
  const std::string bytes = std::exchange(pending_, {});
  std::string_view rest = bytes;
  while (!rest.empty() && phase_ == Phase::kReading) rest.remove_prefix(take_bytes(rest));
  if (phase_ != Phase::kClosed) pending_ = rest;
  return true;
}

bool Connection::receive() {
  if (!readable_) return false;
  std::vector<char>& scratch = home_.scratch();
  const ssize_t got = ::recv(socket_, scratch.data(), scratch.size(), 0);
  if (got < 0 && errno == EINTR) return true;
  if (got < 0 && would_block()) return readable_ = false;
  if (got <= 0) {
    got == 0 ? receive_end() : lose_client();
    return true;
  }
  const auto size = static_cast<std::size_t>(got);
  if (size < scratch.size() && !peer_finished_) readable_ = false;  // the next bytes are a new event (man 7 epoll)
  std::string_view bytes(scratch.data(), size);
  while (!bytes.empty() && phase_ == Phase::kReading) bytes.remove_prefix(take_bytes(bytes));
  if (phase_ != Phase::kLingering && phase_ != Phase::kClosed) pending_ = bytes;
  return true;
}

void Connection::receive_end() {
  peer_finished_ = true;
  readable_ = false;
  if (reader_.stage() == RequestReader::Stage::kEmpty || discards_body_) return close();
  refuse(RequestError(400, "the request ends in the middle"));
}

/// Returns how many bytes were used, at least one.
std::size_t Connection::take_bytes(std::string_view bytes) {
  using Stage = RequestReader::Stage;
  const Stage before = reader_.stage();
  std::size_t used = bytes.size();
  try {
    used = reader_.feed(bytes);
    const Stage now = reader_.stage();
    if (before == Stage::kEmpty && now != Stage::kEmpty) begin_head();
    if (before < Stage::kBody && now >= Stage::kBody) end_head();
    if (phase_ == Phase::kReading) count_body();
    if (phase_ == Phase::kReading && now == Stage::kWhole) discards_body_ ? next_request() : dispatch();
  } catch (const RequestError& problem) {
    refuse(problem);
  }
  return used;
}

void Connection::begin_head() {
  is_unused_ = false;
  set_deadline(state_.options.header_seconds);
  entry_ = {};
  entry_.peer = peer_;
}

void Connection::end_head() {
  Request& request = reader_.request();
  received_ = Clock::now();
  request.peer = peer_;
  const std::string_view id = request.headers.get("X-Request-Id");
  request.id = is_request_id(id) ? std::string(id) : new_request_id();
  const std::string_view trace = request.headers.get("traceparent");
  if (is_traceparent(trace)) request.traceparent = trace;
  is_head_request_ = request.method == "HEAD";
  is_http_11_ = reader_.is_http_11();
  keeps_alive_ = reader_.keeps_alive();
  if (has_successor() && state_.hooks.successor.takes(request)) {
    phase_ = Phase::kHandingOver;
    return;
  }
  ++state_.requests;
  begin_entry(request);
  set_deadline(state_.options.body_seconds);
  if (std::optional<Response> refusal = refusal_by_head()) return refuse_unread(std::move(*refusal));
  if (reader_.stage() == RequestReader::Stage::kBody && reader_.expects_continue()) invite_body();
}

void Connection::begin_entry(const Request& request) {
  has_entry_ = true;
  entry_.time = std::chrono::system_clock::now();
  entry_.id = request.id;
  entry_.traceparent = request.traceparent;
  entry_.method = request.method;
  entry_.target = request.target;
  entry_.user_agent = request.headers.get("User-Agent");
  if (state_.options.cors_origin.empty()) return;
  cors_headers_ = {};
  for (const char* name : {"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}) {
    if (const std::string* value = request.headers.find(name)) cors_headers_.set(name, *value);
  }
}

std::optional<Response> Connection::refusal_by_head() {
  const Request& request = reader_.request();
  if (!may_name_host(state_.options.allowed_hosts, request.headers.get("Host"))) {
    return error(421, "this server does not answer for that Host");
  }
  return state_.hooks.admit ? state_.hooks.admit(request) : std::nullopt;
}

/// A body that is small is read all the same, so that the client can go on over this connection.
void Connection::refuse_unread(Response response) {
  const bool is_unread = reader_.stage() == RequestReader::Stage::kBody;
  const std::uint64_t declared = reader_.declared_bytes();
  const bool is_small = declared > 0 && declared <= kDiscardable && !reader_.expects_continue();
  if (is_unread && !is_small) keeps_alive_ = false;
  discards_body_ = is_unread;
  begin_response(std::move(response));
}

void Connection::count_body() {
  if (discards_body_) return;
  const auto size = static_cast<std::int64_t>(reader_.request().body.size());
  const std::int64_t grown = size - std::exchange(held_, size);
  if (grown == 0) return;
  const std::int64_t held_by_all = state_.body_bytes += grown;
  entry_.request_bytes = static_cast<std::uint64_t>(size);
  step_bytes_ += static_cast<std::uint64_t>(grown);
  if (step_bytes_ >= kPaceBytes) set_deadline(state_.options.body_seconds);
  if (held_by_all <= std::int64_t{state_.options.max_memory_mb} << 20U) return;
  keeps_alive_ = keeps_alive_ && reader_.stage() == RequestReader::Stage::kWhole;
  begin_response(unavailable("the server holds as many request bodies as it may"));
}

void Connection::invite_body() { say_in_passing(kContinue); }

void Connection::refuse(const RequestError& problem) {
  if (discards_body_) return cut_off();  // its response is out already
  ++state_.bad_requests;
  if (!has_entry_) {
    begin_head();
    has_entry_ = true;
    received_ = Clock::now();
    entry_.time = std::chrono::system_clock::now();
    entry_.id = new_request_id();
    cors_headers_ = {};
  }
  entry_.error = problem.what();
  keeps_alive_ = false;
  Response response = error(problem.status(), problem.what());
  if (problem.status() == 415) response.headers.set("Accept-Encoding", "identity");
  begin_response(std::move(response));
}

void Connection::dispatch() {
  const auto limit = std::chrono::milliseconds(std::llround(state_.options.write_seconds * 1e3));
  exchange_ = std::make_shared<Exchange>(home_.loop(), weak_from_this(), limit);
  Request request = reader_.take();
  set_deadline(state_.options.answer_seconds);
  request.received = Clock::now();
  request.deadline = deadline_;
  request.client_left = std::shared_ptr<const std::atomic<bool>>(exchange_, &exchange_->client_left());
  phase_ = Phase::kAnswering;
  is_in_flight_ = true;
  is_asked_ = false;
  ++state_.in_flight;
  is_dispatching_ = true;
  try {
    state_.handler(std::move(request), Reply(exchange_));
  } catch (const std::exception& problem) {  // its Reply is gone or answers still
    entry_.error = problem.what();
  }
  is_dispatching_ = false;
}

void Connection::next_request() {
  reader_.reset();
  exchange_.reset();
  state_.body_bytes -= std::exchange(held_, 0);
  discards_body_ = false;
  has_entry_ = false;
  is_head_request_ = false;
  is_http_11_ = true;
  keeps_alive_ = true;
  phase_ = Phase::kReading;
  set_deadline(state_.options.idle_seconds);
}

/// A request that the successor cannot have is refused; a connection without one ends.
bool Connection::hand_over() {
  const std::string received = reader_.head_bytes() + pending_;
  if (http::hand_over(state_.hooks.successor.end, socket_, received)) {
    home_.loop()->unwatch(socket_);  // epoll would go on with it, as the other process has it open
    close();
  } else if (received.empty()) {
    linger();
  } else {
    refuse(RequestError(503, "the server is starting, and has as much to do as it can take; try again"));
  }
  return phase_ != Phase::kClosed;
}

void Connection::take_response(const Exchange& exchange, Response response) {
  if (exchange_.get() != &exchange || phase_ != Phase::kAnswering) return;
  guarded([&] { begin_response(std::move(response)); });
  if (!is_dispatching_) advance();
}

void Connection::begin_response(Response response) {
  if (const std::string problem = response_problem(response); !problem.empty()) {
    response = error(500, "the server made a response that cannot be sent");
    entry_.error = problem;
  }
  leave_handler();
  state_.body_bytes -= std::exchange(held_, 0);
  add_cors(response, cors_headers_, state_.options.cors_origin);
  closes_ = ends_with_response();
  out_head_ = response_head(response, {.date = home_.date(),
                                       .id = entry_.id,
                                       .traceparent = entry_.traceparent,
                                       .closes = closes_,
                                       .is_http_11 = is_http_11_});
  out_body_ = is_head_request_ ? std::string() : std::move(response.body);
  out_sent_ = 0;
  entry_.status = response.status;
  entry_.more = std::move(response.log);
  entry_.response_bytes = out_body_.size();
  phase_ = Phase::kWriting;
  set_deadline(state_.options.write_seconds);
}

void Connection::begin_stream(const Exchange& exchange, Response head) {
  if (exchange_.get() != &exchange || phase_ != Phase::kAnswering) return;
  if (const std::string problem = response_problem(head); !problem.empty()) {
    exchange_->leave();
    return take_response(exchange, std::move(head));
  }
  guarded([&] { write_stream_head(std::move(head)); });
  if (!is_dispatching_) advance();
}

void Connection::write_stream_head(Response head) {
  add_cors(head, cors_headers_, state_.options.cors_origin);
  closes_ = ends_with_response() || !is_http_11_;
  is_event_stream_ = head.content_type.starts_with("text/event-stream");
  out_head_ = response_head(head, {.date = home_.date(),
                                   .id = entry_.id,
                                   .traceparent = entry_.traceparent,
                                   .length = is_http_11_ ? BodyLength::kChunked : BodyLength::kUntilClose,
                                   .closes = closes_,
                                   .is_http_11 = is_http_11_});
  out_body_.clear();
  out_sent_ = 0;
  entry_.status = head.status;
  entry_.more = std::move(head.log);
  entry_.response_bytes = 0;
  stream_is_ended_ = is_head_request_;
  if (is_head_request_) exchange_->leave();
  phase_ = Phase::kStreaming;
  set_deadline(state_.options.write_seconds);
  if (is_event_stream_ && state_.is_draining) exchange_->end(true);
}

void Connection::continue_stream(const Exchange& exchange) {
  if (exchange_.get() == &exchange && phase_ == Phase::kStreaming) advance();
}

/// Whether all is sent.
bool Connection::send_out() {
  const std::size_t all = out_head_.size() + out_body_.size();
  while (out_sent_ < all) {
    if (!writable_) return false;
    const std::size_t of_head = std::min(out_sent_, out_head_.size());
    const std::size_t of_body = out_sent_ - of_head;
    std::array<iovec, 2> parts = {iovec{out_head_.data() + of_head, out_head_.size() - of_head},
                                  iovec{out_body_.data() + of_body, out_body_.size() - of_body}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = ::sendmsg(socket_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && would_block()) return writable_ = false;
    if (sent < 0) {
      lose_client();
      return false;
    }
    out_sent_ += static_cast<std::size_t>(sent);
    step_bytes_ += static_cast<std::uint64_t>(sent);
    if (step_bytes_ >= kPaceBytes) set_deadline(state_.options.write_seconds);
  }
  return true;
}

bool Connection::write_response() {
  if (!send_out()) return false;
  finish_response();
  return true;
}

bool Connection::write_stream() {
  if (!send_out()) return false;
  if (!stream_is_ended_) take_stream_piece();
  if (phase_ == Phase::kClosed) return false;
  if (out_sent_ < out_head_.size() + out_body_.size()) return true;
  if (stream_is_ended_) {
    finish_response();
  } else {
    deadline_ = Clock::time_point::max();  // the handler may take its time
  }
  return phase_ != Phase::kStreaming;
}

/// What the handler wrote meanwhile, as one chunk (RFC 9112, section 7.1).
void Connection::take_stream_piece() {
  Exchange::Written written = exchange_->take_written();
  entry_.response_bytes += written.bytes.size();
  out_head_.clear();
  out_body_ = std::move(written.bytes);
  out_sent_ = 0;
  if (is_http_11_ && !out_body_.empty()) {
    out_head_ = fmt::format("{:x}\r\n", out_body_.size());
    out_body_ += "\r\n";
  }
  if (is_http_11_ && written.is_ended) out_body_ += "0\r\n\r\n";
  stream_is_ended_ = written.is_ended;
  if (!out_body_.empty()) set_deadline(state_.options.write_seconds);
  if (!written.is_broken) return;
  entry_.error = "the response was broken off";
  cut_off();
}

void Connection::finish_response() {
  write_log();
  leave_handler();
  out_head_.clear();
  out_body_ = {};
  const bool is_over = state_.is_draining && !has_successor();
  if (closes_ || is_over) return linger();
  if (!discards_body_) {
    next_request();
    if (state_.is_draining) phase_ = Phase::kHandingOver;
    return;
  }
  phase_ = Phase::kReading;  // of what is left of the refused body
  set_deadline(state_.options.body_seconds);
  if (reader_.stage() == RequestReader::Stage::kWhole) next_request();
}

/// A few bytes before the response; a client that does not even take these is let go.
void Connection::say_in_passing(std::string_view bytes) {
  const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) lose_client();
}

/// A client that sends nothing more may have left, or wait for its response. An interim response, which means nothing
/// (RFC 9110, section 15.2), makes the system of one that has left say so: on_events hears of its reset.
bool Connection::ask_whether_client_left() {
  if (!peer_finished_ || is_asked_ || !is_http_11_) return false;
  is_asked_ = true;
  say_in_passing(kContinue);
  return false;
}

bool Connection::discard() {
  if (!readable_) return false;
  std::vector<char>& scratch = home_.scratch();
  const ssize_t got = ::recv(socket_, scratch.data(), scratch.size(), 0);
  if (got < 0 && errno == EINTR) return true;
  if (got < 0 && would_block()) return readable_ = false;
  discarded_ += static_cast<std::uint64_t>(std::max<ssize_t>(got, 0));
  if (got > 0 && discarded_ < kMostLingering) return true;
  close();
  return false;
}

/// Closing while a client sends would make its system throw the response away (RFC 9112, section 9.6).
void Connection::linger() {
  pending_.clear();
  ::shutdown(socket_, SHUT_WR);
  phase_ = Phase::kLingering;
  readable_ = true;
  set_deadline(kLingerSeconds);
}

void Connection::drain() {
  if (phase_ == Phase::kStreaming && is_event_stream_) return exchange_->end(true);
  if (phase_ != Phase::kReading) return;
  readable_ = true;  // a request may be there already
  advance();
  if (phase_ != Phase::kReading || discards_body_) return;
  if (has_successor() && reader_.stage() < RequestReader::Stage::kBody) {
    phase_ = Phase::kHandingOver;
  } else if (reader_.stage() == RequestReader::Stage::kEmpty && is_unused_) {
    set_deadline(std::min(kFirstRequestSeconds, state_.options.header_seconds));  // its request is on its way
  } else if (reader_.stage() == RequestReader::Stage::kEmpty) {
    linger();
  }
  advance();
}

void Connection::tick(Clock::time_point now) {
  if (now < deadline_) return;
  using Stage = RequestReader::Stage;
  if (phase_ == Phase::kReading && reader_.stage() != Stage::kEmpty && !discards_body_) {
    guarded([this] { refuse(RequestError(408, "the request takes too long to arrive")); });
  } else if (phase_ == Phase::kAnswering) {
    entry_.error = "no answer in time";
    guarded([this] { begin_response(unavailable("the server had no answer in time")); });
  } else {
    return cut_off();
  }
  advance();
}

void Connection::lose_client() {
  if (entry_.error.empty()) entry_.error = "the client left before the end";
  cut_off();
}

void Connection::cut_off() {
  if (phase_ == Phase::kAnswering || entry_.status == 0) entry_.status = kClientLeft;
  write_log();
  close();
}

/// The handler's part is over, whether it answered or not.
void Connection::leave_handler() {
  if (!std::exchange(is_in_flight_, false)) return;
  --state_.in_flight;
  exchange_->leave();
}

void Connection::write_log() {
  if (!std::exchange(has_entry_, false) || !state_.hooks.access) return;
  entry_.seconds = std::chrono::duration<double>(Clock::now() - received_).count();
  try {
    state_.hooks.access(entry_);
  } catch (const std::exception&) {  // a log that cannot be written is no reason not to serve
  }
}

void Connection::close() {
  if (phase_ == Phase::kClosed) return;
  leave_handler();
  state_.body_bytes -= std::exchange(held_, 0);
  phase_ = Phase::kClosed;
  ::close(socket_);  // which also ends its watch
  home_.forget(*this);
}

void Connection::set_deadline(double seconds) {
  step_bytes_ = 0;
  deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace margay::http
