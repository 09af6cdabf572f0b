#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "margay/http/server.h"
#include "tests/support/http_server.h"

namespace margay::http {
namespace {

using namespace std::chrono_literals;
using testing_support::answer_to;
using testing_support::comes_true;
using testing_support::HttpServer;
using testing_support::RawClient;
using testing_support::status_of;

std::string post_with(const std::string& fields, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body;
}

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

TEST(HostileClients, CannotSmuggleARequest) {
  HttpServer server;
  const std::string chunks = "1\r\nx\r\n0\r\n\r\n";
  const std::vector<std::string> forms = {
      post_with("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunks),
      post_with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunks),
      post_with("Content-Length: 4\r\nContent-Length: 5\r\n", "abcde"),
      post_with("Content-Length: 4\r\nContent-Length: 4\r\n", "abcd"),
      post_with("Content-Length: 4, 4\r\n", "abcd"),
      post_with("Content-Length: +4\r\n", "abcd"),
      post_with("Content-Length: -4\r\n", "abcd"),
      post_with("Content-Length: 0x4\r\n", "abcd"),
      post_with("Content-Length: \r\n", "abcd"),
      post_with("Content-Length: 99999999999999999999999\r\n", "abcd"),
      post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunks),
      post_with("Transfer-Encoding : chunked\r\n", chunks),
      post_with("Transfer-Encoding: chunked\r\n", "1g\r\nx\r\n0\r\n\r\n"),
      post_with("Transfer-Encoding: chunked\r\n", "1\r\nxy\r\n0\r\n\r\n"),
      post_with("Transfer-Encoding: chunked\r\n", "1\nx\n0\n\n"),
      post_with("Transfer-Encoding: chunked\r\n", "1;a=\"b\r\nx\r\n0\r\n\r\n"),
      post_with("Transfer-Encoding: chunked\r\n", "-1\r\nx\r\n0\r\n\r\n"),
      post_with("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\nx\r\n0\r\n\r\n"),
      post_with("Content-Length: 4\r\nX: a\r\n b\r\n", "abcd"),
      post_with("X: a\nContent-Length: 4\r\n", "abcd"),
      post_with("X: a\rContent-Length: 4\r\n", "abcd"),
      post_with(std::string("X: a\0b\r\n", 8), ""),
      post_with(" Content-Length: 4\r\n", "abcd"),
      post_with(": empty\r\n", ""),
      post_with("no colon\r\n", ""),
      post_with("Host: y\r\n", ""),
      post_with("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n", ""),
      post_with("Content-Type: text/plain\r\ncontent-type: application/json\r\n", ""),
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
      "GET / HTTP/1.1\nHost: x\n\n",
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
      "GET /%2e%2e/etc HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /../etc HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /a%2fb HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
      "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
      "G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
      "\x16\x03\x01\x02\x01\x01\r\n\r\n",  // TLS
  };
  for (const std::string& form : forms) {
    const std::string answer = answer_to(server.port(), form + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << form << "\n-> " << answer;
    EXPECT_EQ(answer.find("smuggled"), std::string::npos) << form;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << form;
    EXPECT_NE(answer.find("{\"error\":\""), std::string::npos) << form;
  }
  EXPECT_EQ(server->counts().bad_requests, forms.size());
}

TEST(HostileClients, AreToldWhatIsNotSpokenHere) {
  HttpServer server;
  EXPECT_EQ(status_of(server.port(), post_with("Transfer-Encoding: gzip, chunked\r\n", "")), 501);
  EXPECT_EQ(status_of(server.port(), post_with("Transfer-Encoding: identity\r\n", "")), 501);
  EXPECT_EQ(status_of(server.port(), post_with("Content-Encoding: gzip\r\nContent-Length: 1\r\n", "x")), 415);
  EXPECT_EQ(status_of(server.port(), post_with("Expect: a-miracle\r\n", "")), 417);
  EXPECT_EQ(status_of(server.port(), "GET / HTTP/3.0\r\nHost: x\r\n\r\n"), 505);
  EXPECT_EQ(status_of(server.port(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
}

TEST(HostileClients, CannotSendTooMuch) {
  HttpServer server(testing_support::echo, {.max_header_kb = 4, .max_body_mb = 1});
  const std::string megabyte(1U << 20U, 'x');
  EXPECT_EQ(status_of(server.port(), "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(5000, 'x')), 431);
  EXPECT_EQ(status_of(server.port(), "GET /" + std::string(5000, 'x')), 414);
  EXPECT_EQ(status_of(server.port(), post_with("Content-Length: 1048577\r\n", "")), 413);
  EXPECT_EQ(status_of(server.port(), post_with("Content-Length: 1048577\r\n", megabyte)), 413);
  EXPECT_EQ(
      status_of(server.port(), post_with("Transfer-Encoding: chunked\r\n", "100000\r\n" + megabyte + "\r\n1\r\n")),
      413);
  EXPECT_EQ(status_of(server.port(), post_with("Transfer-Encoding: chunked\r\n", "1;" + std::string(20000, 'x'))), 400);
  EXPECT_EQ(status_of(server.port(), post_with("Connection: close\r\nContent-Length: 1048576\r\n", megabyte)), 200);
}

TEST(HostileClients, CannotSendForEver) {
  HttpServer server(testing_support::echo, {.max_body_mb = 1});
  const RawClient client(server.port(), "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
  std::size_t sent = 0;
  while (sent < (std::size_t{100} << 20U) && client.send(chunk)) sent += chunk.size();
  EXPECT_LT(sent, std::size_t{40} << 20U);
  EXPECT_TRUE(comes_true([&] { return server->counts().connections == 0; }));
}

TEST(HostileClients, ThatSendAByteNowAndThenTimeOut) {
  HttpServer server(testing_support::echo, {.header_seconds = 0.2, .body_seconds = 0.2, .idle_seconds = 0.2});
  const auto drip = [&](const std::string& first) {
    const RawClient client(server.port(), first);
    for (int i = 0; i < 100 && client.send("x"); ++i) std::this_thread::sleep_for(5ms);
    return client.receive();
  };
  std::thread head([&] { EXPECT_TRUE(drip("GET /").starts_with("HTTP/1.1 408 ")); });
  std::thread body([&] { EXPECT_TRUE(drip(post_with("Content-Length: 1000\r\n", "")).starts_with("HTTP/1.1 408 ")); });
  std::thread silent([&] { EXPECT_EQ(RawClient(server.port()).receive(), ""); });
  head.join();
  body.join();
  silent.join();
}

TEST(HostileClients, ThatTakeNothingAreLetGo) {
  HttpServer server([](const Request&, const Reply& reply) { reply(text(std::string(std::size_t{64} << 20U, 'x'))); },
                    {.write_seconds = 0.2});
  const RawClient client(server.port(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(comes_true([&] { return server->counts().requests == 1; }));
  EXPECT_TRUE(comes_true([&] { return server->counts().connections == 0; }));
}

TEST(HostileClients, ThatResetInTheMiddleLeaveNothingBehind) {
  HttpServer server;
  for (int i = 0; i < 50; ++i) RawClient(server.port(), post_with("Content-Length: 1000\r\n", "half")).reset();
  for (int i = 0; i < 50; ++i) RawClient(server.port(), "GET / HT").close();
  EXPECT_TRUE(comes_true([&] { return server->counts().accepted >= 100 && server->counts().connections == 0; }));
  EXPECT_EQ(server->counts().body_bytes, 0);
  EXPECT_EQ(server->counts().in_flight, 0);
}

TEST(HostileClients, ThatEndInTheMiddleAreToldSo) {
  HttpServer server;
  const RawClient client(server.port(), post_with("Content-Length: 1000\r\n", "half"));
  client.finish_sending();
  EXPECT_TRUE(client.receive().starts_with("HTTP/1.1 400 "));
}

TEST(HostileClients, AThousandIdleOnesDisturbNobody) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit raised{.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096), .rlim_max = limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &raised);
  if (raised.rlim_cur < 2200) GTEST_SKIP() << "only " << raised.rlim_cur << " open files are allowed";
  {
    HttpServer server;
    std::vector<RawClient> idle;
    for (int i = 0; i < 1000; ++i) idle.emplace_back(server.port());
    EXPECT_TRUE(comes_true([&] { return server->counts().connections == 1000; }));
    EXPECT_EQ(server.get("/still").body, "GET /still ");
    idle[500].send("GET /idle HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_NE(idle[500].receive("GET /idle").find("200 OK"), std::string::npos);
    EXPECT_TRUE(server->drain(5s));
  }
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(HostileClients, BeyondTheLimitOfConnectionsAreRefusedAtOnce) {
  HttpServer server(testing_support::echo, {.max_connections = 3});
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(server.port());
  EXPECT_TRUE(comes_true([&] { return server->counts().connections == 3; }));
  const std::string answer = RawClient(server.port(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n").receive();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_EQ(server->counts().refused_connections, 1U);
  clients.clear();
  EXPECT_TRUE(comes_true([&] { return server->counts().connections == 0; }));
  EXPECT_EQ(server.get("/").status, 200);
}

TEST(HostileClients, TogetherHoldNoMoreThanTheMemoryOfTheServer) {
  HttpServer server(testing_support::echo, {.max_body_mb = 2, .max_memory_mb = 1});
  const std::string almost(1000000, 'x');
  const RawClient first(server.port(), post_with("Content-Length: 1000001\r\n", almost));
  EXPECT_TRUE(comes_true([&] { return server->counts().body_bytes == 1000000; }));
  EXPECT_EQ(status_of(server.port(), post_with("Content-Length: 100001\r\n", almost.substr(0, 100000))), 503);
  first.send("x");
  EXPECT_NE(first.receive("\r\n\r\n").find("200 OK"), std::string::npos);
  EXPECT_TRUE(comes_true([&] { return server->counts().body_bytes == 0; }));
}

/// Takes all descriptors that the process may have.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::dup(0);
    ::close(next);
    const rlimit few{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  NoMoreFiles(const NoMoreFiles&) = delete;
  NoMoreFiles& operator=(const NoMoreFiles&) = delete;
  ~NoMoreFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(HostileClients, ThatTakeAllDescriptorsAreRefusedWithoutSpinning) {
  HttpServer server;
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(server.port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  {
    const NoMoreFiles none;
    const double before = processor_seconds();
    ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    char answer[512] = {};
    pollfd wait{.fd = client, .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&wait, 1, 5000), 1);
    EXPECT_GT(::recv(client, answer, sizeof answer - 1, 0), 0);
    EXPECT_TRUE(std::string_view(answer).starts_with("HTTP/1.1 503 ")) << answer;
    std::this_thread::sleep_for(150ms);
    EXPECT_LT(processor_seconds() - before, 0.1);
  }
  ::close(client);
  EXPECT_EQ(server->counts().refused_connections, 1U);
  EXPECT_EQ(server.get("/again").status, 200);
}

}  // namespace
}  // namespace margay::http
