#include "margay/http/hand_over.h"

#include <memory>

#include <gtest/gtest.h>

#include "margay/http/listener.h"
#include "tests/support/http_server.h"

namespace margay::http {
namespace {

using testing_support::comes_true;
using testing_support::occurrences;
using testing_support::RawClient;

constexpr const char* kPage = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr const char* kData = "GET /data HTTP/1.1\r\nHost: x\r\n\r\n";

bool is_no_page(const Request& head) { return head.path != "/page"; }

/// Two servers on one port. The first answers /page and hands the rest over.
class TwoServers {
 public:
  TwoServers() : listeners_(listen_tcp("127.0.0.1", 0)), ends_(hand_over_pair()) {
    first_ = std::make_unique<Server>(ServerOptions{.inherited = {::dup(listeners_[0].socket())}}, answering("first"),
                                      ServerHooks{.successor = {.end = ends_[0], .takes = is_no_page}});
    second_ = std::make_unique<Server>(
        ServerOptions{.inherited = {::dup(listeners_[0].socket())}, .predecessor = ends_[1]}, answering("second"));
    first_->start();
  }
  ~TwoServers() { ::close(ends_[0]); }
  TwoServers(const TwoServers&) = delete;
  TwoServers& operator=(const TwoServers&) = delete;

  Server& first() { return *first_; }
  Server& second() { return *second_; }
  int end() const { return ends_[0]; }
  void lose_second() { second_.reset(); }
  RawClient client(std::string_view bytes) {
    const std::string& address = listeners_[0].address();
    return {std::stoi(address.substr(address.rfind(':') + 1)), bytes};
  }

 private:
  static Handler answering(const std::string& who) {
    return [who](const Request& request, const Reply& reply) {
      reply(text("<" + who + " " + request.path + " " + request.body + " to " + request.peer.substr(0, 10) + ">"));
    };
  }

  std::vector<Listener> listeners_;
  std::array<int, 2> ends_;
  std::unique_ptr<Server> first_;
  std::unique_ptr<Server> second_;
};

TEST(HandOver, AConnectionGoesOnWithTheProcessThatHasTheAnswer) {
  TwoServers servers;
  const RawClient client = servers.client(kPage);
  EXPECT_NE(client.receive(">").find("<first /page  to 127.0.0.1:>"), std::string::npos);
  client.send(kData);
  servers.second().start();
  EXPECT_NE(client.receive(">").find("<second /data  to 127.0.0.1:>"), std::string::npos);
  client.send(kPage);
  EXPECT_NE(client.receive(">").find("<second /page"), std::string::npos);
}

TEST(HandOver, NothingIsLostOfABodyAndOfWhatFollowsIt) {
  TwoServers servers;
  const RawClient client = servers.client("POST /data HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
  EXPECT_TRUE(comes_true([&] { return servers.first().counts().accepted == 1; }));
  client.send(std::string("def") + kData);
  servers.second().start();
  const std::string answers = client.receive("<second /data  ");
  EXPECT_NE(answers.find("<second /data abcdef "), std::string::npos) << answers;
}

TEST(HandOver, WhoAskedBeforeThereWasASecondWaitsForIt) {
  TwoServers servers;
  std::vector<RawClient> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(servers.client(kData));
  EXPECT_TRUE(comes_true([&] { return servers.first().counts().accepted == 30; }));
  servers.second().start();
  for (const RawClient& client : clients) EXPECT_NE(client.receive(">").find("<second /data"), std::string::npos);
}

TEST(HandOver, AServerThatDrainsHandsOverWhoIsConnected) {
  TwoServers servers;
  const RawClient idle = servers.client(kPage);
  EXPECT_NE(idle.receive(">").find("<first"), std::string::npos);
  const RawClient half = servers.client("GET /page HTTP/1.1\r\nHo");
  EXPECT_TRUE(comes_true([&] { return servers.first().counts().accepted == 2; }));
  servers.second().start();
  wait_until_succeeded(servers.end());
  EXPECT_TRUE(servers.first().drain(std::chrono::seconds(5)));
  idle.send(kPage);
  EXPECT_NE(idle.receive(">").find("<second /page"), std::string::npos);
  half.send("st: x\r\n\r\n");
  EXPECT_NE(half.receive(">").find("<second /page"), std::string::npos);
}

TEST(HandOver, WithoutASecondTheClientIsToldSo) {
  TwoServers servers;
  servers.lose_second();
  wait_until_succeeded(servers.end());
  const RawClient client = servers.client(kData);
  const std::string answer = client.receive();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("try again"), std::string::npos);
}

}  // namespace
}  // namespace margay::http
