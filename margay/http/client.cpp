#include "margay/http/client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "margay/core/error.h"

namespace margay::http {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kHttpPrefix = "http://";
constexpr std::size_t kLongestLine = 65536;

[[noreturn]] void refuse_address(std::string_view address) {
  throw std::invalid_argument(
      fmt::format("[client] an address is http://HOST:PORT or unix:/PATH, got \"{}\"", address));
}

struct Place {
  std::string host;
  std::string port;
};

Place place_of(std::string_view address) {
  if (address.starts_with(kUnixPrefix)) return {std::string(address.substr(kUnixPrefix.size())), ""};
  if (!address.starts_with(kHttpPrefix)) refuse_address(address);
  std::string_view rest = address.substr(kHttpPrefix.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t colon = rest.rfind(':');
  const bool has_port = colon != std::string_view::npos && !rest.ends_with(']');
  std::string_view host = rest.substr(0, has_port ? colon : rest.size());
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view port = has_port ? rest.substr(colon + 1) : "80";
  if (host.empty() || port.empty() || port.find_first_not_of("0123456789") != std::string_view::npos) {
    refuse_address(address);
  }
  return {std::string(host), std::string(port)};
}

/// -1 with errno if it cannot be reached. The socket does not block; connecting goes on.
int begin_connecting(int family, const sockaddr* address, socklen_t size) {
  const int socket = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return -1;
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (::connect(socket, address, size) == 0 || errno == EINPROGRESS) return socket;
  const int error = errno;
  ::close(socket);
  errno = error;
  return -1;
}

int connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  return begin_connecting(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

std::string request_head(const ClientRequest& request, std::string_view host) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.target);
  if (!request.headers.contains("Host")) head += fmt::format("Host: {}\r\n", host);
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    head += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  for (const Headers::Field& field : request.headers) head += fmt::format("{}: {}\r\n", field.name, field.value);
  return head + "\r\n";
}

template <class Number>
bool parse_whole(std::string_view text, Number& value, int base = 10) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return problem == std::errc() && end == text.data() + text.size();
}

}  // namespace

Client::Client(std::string_view address, std::chrono::milliseconds timeout) : address_(address), timeout_(timeout) {
  Place place = place_of(address);
  host_ = std::move(place.host);
  port_ = std::move(place.port);
}

Client::~Client() { close(); }

void Client::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  buffer_.clear();
}

void Client::fail(std::string_view what) {
  close();
  throw core::Error(fmt::format("{}: {}", address_, what));
}

ClientResponse Client::post(std::string target, std::string_view body, std::string content_type) {
  return send({.method = "POST",
               .target = std::move(target),
               .headers = {{"Content-Type", std::move(content_type)}},
               .body = body});
}

/// A server may close a connection that was kept just when a request is under way; nothing has been answered then, and
/// the request is sent once more (RFC 9112, section 9.5).
ClientResponse Client::send(const ClientRequest& request) {
  deadline_ = std::chrono::steady_clock::now() + timeout_;
  ClientResponse response;
  const bool was_connected = is_connected();
  if (exchange(request, response)) return response;
  if (was_connected && exchange(request, response)) return response;
  fail("the server closed the connection without a response");
}

/// False if the connection ended before the first byte of a response.
bool Client::exchange(const ClientRequest& request, ClientResponse& response) {
  if (!is_connected()) connect();
  const bool is_unix = port_.empty();
  const bool is_v6 = host_.find(':') != std::string::npos;
  const std::string host = is_unix ? "localhost" : is_v6 ? fmt::format("[{}]:{}", host_, port_) : host_ + ":" + port_;
  const bool is_sent = send_all(request_head(request, host)) && send_all(request.body);
  if (buffer_.empty() && !receive_some()) {  // a server may refuse before it has read everything
    close();
    return false;
  }
  response = read_response(request.method);
  if (!is_sent || has_word(response.headers.get("Connection"), "close")) close();
  return true;
}

void Client::connect() {
  if (port_.empty()) {
    socket_ = connect_unix(host_);
    if (socket_ < 0) fail(std::strerror(errno));
    return;
  }
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int problem = ::getaddrinfo(host_.c_str(), port_.c_str(), &wanted, &found);
  if (problem != 0) fail(::gai_strerror(problem));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> places(found, ::freeaddrinfo);
  int error = 0;
  for (const addrinfo* place = found; place; place = place->ai_next) {
    error = connect_to(*place);
    if (error == 0) return;
  }
  fail(std::strerror(error));
}

/// 0, or the error.
int Client::connect_to(const addrinfo& place) {
  socket_ = begin_connecting(place.ai_family, place.ai_addr, place.ai_addrlen);
  if (socket_ < 0) return errno;
  wait_for(POLLOUT);
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) close();
  return error;
}

void Client::wait_for(short events) {
  pollfd wait{.fd = socket_, .events = events, .revents = 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
  const int ready = ::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
  if (ready == 0) fail(fmt::format("no response within {} ms", timeout_.count()));
  if (ready < 0 && errno != EINTR) fail(std::strerror(errno));
}

/// False if the server takes no more; its response may be there all the same.
bool Client::send_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait_for(POLLOUT);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

/// False at the end of the connection.
bool Client::receive_some() {
  std::array<char, 65536> bytes{};
  while (true) {
    const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (got > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    if (got >= 0) return got > 0;
    if (errno == ECONNRESET || errno == EPIPE) return false;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait_for(POLLIN);
    } else if (errno != EINTR) {
      fail(std::strerror(errno));
    }
  }
}

ClientResponse Client::read_response(std::string_view method) {
  ClientResponse response;
  do {  // interim responses (1xx) come before it
    response = {};
    const std::string status = read_line();
    const bool is_http = status.starts_with("HTTP/1.") && status.size() >= 12;
    if (!is_http || !parse_whole(std::string_view(status).substr(9, 3), response.status)) fail("what came is no HTTP");
    for (std::string line = read_line(); !line.empty(); line = read_line()) {
      const std::size_t colon = line.find(':');
      if (colon == std::string::npos || !is_token(line.substr(0, colon)))
        fail("a header field of the response is broken");
      response.headers.add(line.substr(0, colon), std::string(trimmed(std::string_view(line).substr(colon + 1))));
    }
  } while (response.status < 200);
  read_body(response, method);
  return response;
}

std::string Client::read_line() {
  std::size_t end = buffer_.find("\r\n");
  while (end == std::string::npos) {
    if (buffer_.size() > kLongestLine) fail("a line of the response is too long");
    if (!receive_some()) fail("the connection ended in the middle of the response");
    end = buffer_.find("\r\n");
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

void Client::read_body(ClientResponse& response, std::string_view method) {
  if (method == "HEAD" || response.status == 204 || response.status == 304) return;
  std::size_t length = 0;
  if (equal_names(response.headers.get("Transfer-Encoding"), "chunked")) return read_chunks(response.body);
  if (const std::string* field = response.headers.find("Content-Length")) {
    if (!parse_whole(*field, length)) fail("Content-Length of the response is no number");
    return read_exactly(response.body, length);
  }
  while (receive_some()) {
    if (buffer_.size() > kMaxResponseBytes) fail("the response is too large");
  }
  response.body = std::exchange(buffer_, {});
  close();
}

void Client::read_chunks(std::string& body) {
  for (std::size_t size = 1; size > 0;) {
    const std::string line = read_line();
    if (!parse_whole(std::string_view(line).substr(0, line.find(';')), size, 16))
      fail("a chunk of the response is broken");
    read_exactly(body, size);
    if (size > 0 && !read_line().empty()) fail("a chunk of the response is broken");
  }
  while (!read_line().empty()) continue;  // trailers
}

/// Appends so many bytes.
void Client::read_exactly(std::string& body, std::size_t bytes) {
  if (bytes > kMaxResponseBytes - std::min(body.size(), kMaxResponseBytes)) fail("the response is too large");
  while (buffer_.size() < bytes) {
    if (!receive_some()) fail("the connection ended in the middle of the response");
  }
  body.append(buffer_, 0, bytes);
  buffer_.erase(0, bytes);
}

}  // namespace margay::http
