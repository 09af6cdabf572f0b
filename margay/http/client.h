#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "margay/http/headers.h"

struct addrinfo;  // of netdb.h

namespace margay::http {

/// A response as a Client got it.
struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

struct ClientRequest {
  std::string method = "GET";
  std::string target = "/";
  Headers headers = {};
  std::string_view body = {};
};

/// A blocking HTTP/1.1 client for one server: health checks, tests, load. It keeps the connection, and opens another
/// one when the server has closed it. Not for the open internet: no TLS, no redirects, no proxies.
class Client {
 public:
  static constexpr std::size_t kMaxResponseBytes = std::size_t{1} << 30U;

  /// address: "http://127.0.0.1:8080", "http://[::1]:8080" or "unix:/run/margay.sock", as Server::address() says.
  /// timeout: for each request, all of it. Throws std::invalid_argument for what is no address.
  explicit Client(std::string_view address, std::chrono::milliseconds timeout = std::chrono::seconds(10));
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Throws core::Error, naming the address, if no response comes: nobody listens, the time is over, the connection
  /// broke, what came is no HTTP, or its body is beyond kMaxResponseBytes.
  ClientResponse send(const ClientRequest& request);
  ClientResponse get(std::string target) { return send({.target = std::move(target)}); }
  ClientResponse post(std::string target, std::string_view body, std::string content_type);

  /// Whether the next request can go over the connection of the last one.
  bool is_connected() const { return socket_ >= 0; }
  void close();

 private:
  void connect();
  int connect_to(const addrinfo& place);
  [[noreturn]] void fail(std::string_view what);
  void wait_for(short events);
  bool send_all(std::string_view bytes);
  bool receive_some();
  bool exchange(const ClientRequest& request, ClientResponse& response);
  ClientResponse read_response(std::string_view method);
  std::string read_line();
  void read_body(ClientResponse& response, std::string_view method);
  void read_chunks(std::string& body);
  void read_exactly(std::string& body, std::size_t bytes);

  std::string address_;
  std::string host_;  // or the path of the socket
  std::string port_;
  std::chrono::milliseconds timeout_;
  std::chrono::steady_clock::time_point deadline_ = {};
  int socket_ = -1;
  std::string buffer_;  // received, not used yet
};

}  // namespace margay::http
