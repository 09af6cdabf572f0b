#include "margay/http/server.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "margay/core/error.h"
#include "tests/support/http_server.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::http {
namespace {

using namespace std::chrono_literals;
using testing_support::comes_true;
using testing_support::HttpServer;
using testing_support::occurrences;
using testing_support::RawClient;
using testing_support::thrown_message;

constexpr const char* kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr const char* kLastGet = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Keeps what it is asked until the test answers.
struct PatientHandler {
  std::mutex mutex;
  std::vector<std::pair<Request, Reply>> waiting;

  Handler handler() {
    return [this](Request request, Reply reply) {
      const std::lock_guard lock(mutex);
      waiting.emplace_back(std::move(request), std::move(reply));
    };
  }
  std::pair<Request, Reply> next() {
    EXPECT_TRUE(comes_true([&] {
      const std::lock_guard lock(mutex);
      return !waiting.empty();
    }));
    const std::lock_guard lock(mutex);
    auto first = std::move(waiting.at(0));
    waiting.erase(waiting.begin());
    return first;
  }
};

TEST(Server, AnswersManyRequestsOverOneConnection) {
  HttpServer server;
  Client client(server->address());
  for (int i = 0; i < 100; ++i) {
    const ClientResponse response = client.post("/path", "body " + std::to_string(i), "text/plain");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "POST /path body " + std::to_string(i));
  }
  EXPECT_EQ(server->counts().accepted, 1U);
  EXPECT_EQ(server->counts().requests, 100U);
}

TEST(Server, TakesAnAnswerFromAnotherThread) {
  std::vector<std::thread> threads;
  HttpServer server([&](Request request, Reply reply) {
    threads.emplace_back([request = std::move(request), reply] { reply(text("later " + request.path)); });
  });
  EXPECT_EQ(server.get("/x").body, "later /x");
  for (std::thread& thread : threads) thread.join();
}

TEST(Server, AnswersPipelinedRequestsInTheirOrder) {
  PatientHandler patient;
  HttpServer server(patient.handler());
  RawClient client(server.port(), std::string("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\n"
                                              "Content-Length: 3\r\n\r\nabc") +
                                      kLastGet);
  for (const char* body : {"first", "second", "third"}) patient.next().second(text(body));
  const std::string answer = client.receive();
  EXPECT_EQ(occurrences(answer, "HTTP/1.1 200 OK"), 3U);
  EXPECT_LT(answer.find("first"), answer.find("second"));
  EXPECT_LT(answer.find("second"), answer.find("third"));
}

TEST(Server, PutsChunkedBodiesTogetherHoweverTheyArrive) {
  HttpServer server;
  const std::string request =
      "POST /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;name=value\r\nabc\r\n0a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
  for (const std::size_t piece : {request.size(), std::size_t{1}, std::size_t{7}}) {
    RawClient client(server.port());
    for (std::size_t i = 0; i < request.size(); i += piece) {
      ASSERT_TRUE(client.send(std::string_view(request).substr(i, piece)));
      if (piece == 7) std::this_thread::sleep_for(1ms);
    }
    EXPECT_NE(client.receive().find("POST /c abc0123456789"), std::string::npos) << piece;
  }
}

TEST(Server, ASlowUploadLeavesTheWholeTimeForTheAnswer) {
  PatientHandler patient;
  HttpServer server(patient.handler(), {.answer_seconds = .5});
  RawClient client(server.port(), "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\no");
  std::this_thread::sleep_for(600ms);
  client.send("k");
  const auto [request, reply] = patient.next();
  EXPECT_GT(request.deadline, Clock::now());
  reply(text("in time"));
  EXPECT_NE(client.receive().find("in time"), std::string::npos);
}

TEST(Server, InvitesABodyThatWaitsForIt) {
  HttpServer server;
  RawClient client(
      server.port(),
      "POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.receive("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_NE(client.receive().find("POST /e ok"), std::string::npos);
}

TEST(Server, AnswersHeadWithTheLengthAndNoBody) {
  HttpServer server;
  RawClient client(server.port(), std::string("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n") + kLastGet);
  const std::string answer = client.receive();
  EXPECT_NE(answer.find("Content-Length: 8\r\n"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("HEAD /h "), std::string::npos) << answer;
  EXPECT_NE(answer.find("GET /last "), std::string::npos) << answer;
}

TEST(Server, SpeaksHttp10) {
  HttpServer server;
  EXPECT_NE(testing_support::answer_to(server.port(), "GET /old HTTP/1.0\r\n\r\n").find("Connection: close"),
            std::string::npos);
  RawClient client(server.port(), "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(client.receive("GET /old").find("Connection: keep-alive"), std::string::npos);
  client.send(kLastGet);
  EXPECT_NE(client.receive().find("GET /last"), std::string::npos);
}

TEST(Server, AnswersForAHandlerThatThrowsOrForgets) {
  HttpServer server([](const Request& request, const Reply&) {
    if (request.path == "/throws") throw std::runtime_error("the reason");
  });
  EXPECT_EQ(server.get("/throws").status, 500);
  EXPECT_EQ(server.get("/forgets").status, 500);
  EXPECT_EQ(server.log_of(2)[0].error, "the reason");
}

TEST(Server, RefusesASecondAnswerToARequest) {
  std::promise<std::string> second;
  HttpServer server([&](const Request&, const Reply& reply) {
    reply(text("once"));
    second.set_value(thrown_message<core::InternalError>([&] { reply(text("twice")); }));
  });
  EXPECT_EQ(server.get("/").body, "once");
  EXPECT_NE(second.get_future().get().find("answered twice"), std::string::npos);
}

TEST(Server, ReplacesAResponseThatWouldBreakTheProtocol) {
  HttpServer server([](const Request& request, const Reply& reply) {
    if (request.path == "/length") return reply({.headers = {{"Content-Length", "5"}}});
    if (request.path == "/type") return reply({.content_type = "a\r\nSet-Cookie: b"});
    reply({.status = 99});
  });
  for (const char* path : {"/length", "/type", "/status"}) EXPECT_EQ(server.get(path).status, 500) << path;
  EXPECT_THROW((Headers{{"X", "a\r\nb"}}), std::invalid_argument);
  EXPECT_THROW((Headers{{"X y", "a"}}), std::invalid_argument);
}

TEST(Server, RefusesByTheHeadBeforeTheBodyArrives) {
  std::atomic<int> handled{0};
  HttpServer server([&](const Request&, const Reply& reply) { ++handled, reply(text("")); }, {},
                    {.admit = [](const Request& head) {
                      EXPECT_EQ(head.body, "");
                      return head.path == "/full" ? std::optional(unavailable("full", 7)) : std::nullopt;
                    }});
  RawClient client(server.port(), "POST /full HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
  EXPECT_NE(client.receive("}").find("Retry-After: 7"), std::string::npos);
  client.send(std::string(100000, 'x'));  // a small body is passed over, and the connection goes on
  client.send(kLastGet);
  EXPECT_NE(client.receive().find("200 OK"), std::string::npos);
  EXPECT_EQ(handled, 1);

  RawClient large(server.port(), "POST /full HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n");
  const std::string answer = large.receive();
  EXPECT_NE(answer.find("503"), std::string::npos);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST(Server, TellsTheHandlerThatItsClientLeft) {
  PatientHandler patient;
  HttpServer server(patient.handler());
  for (const bool resets : {false, true}) {
    RawClient client(server.port(), kGet);
    const auto [request, reply] = patient.next();
    EXPECT_FALSE(request.cancelled());
    resets ? client.reset() : client.close();
    EXPECT_TRUE(comes_true([&request = request] { return request.cancelled(); })) << resets;
    reply(text("to nobody"));
  }
  EXPECT_EQ(server.log_of(2)[1].status, 499);
}

TEST(Server, AnswersAClientThatOnlyFinishedSending) {
  PatientHandler patient;
  HttpServer server(patient.handler());
  RawClient client(server.port(), kGet);
  client.finish_sending();
  const auto [request, reply] = patient.next();
  EXPECT_EQ(client.receive("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");  // which asks whether it is still there
  EXPECT_FALSE(request.cancelled());
  reply(text("still here"));
  EXPECT_NE(client.receive().find("still here"), std::string::npos);
}

TEST(Server, AnswersItselfWhenTheHandlerIsTooSlow) {
  PatientHandler patient;
  HttpServer server(patient.handler(), {.answer_seconds = 0.1});
  EXPECT_EQ(server.get("/").status, 503);
  const auto [request, reply] = patient.next();
  EXPECT_TRUE(request.cancelled());
  EXPECT_LE(request.deadline, Clock::now());
  reply(text("too late"));
}

TEST(Server, RepliesMayOutliveIt) {
  PatientHandler patient;
  std::optional<std::pair<Request, Reply>> kept;
  {
    HttpServer server(patient.handler());
    const RawClient client(server.port(), kGet);
    kept = patient.next();
  }
  EXPECT_TRUE(kept->first.cancelled());
  kept->second(text("nobody is there"));
}

TEST(Server, DrainsWithoutLosingARequest) {
  PatientHandler patient;
  HttpServer server(patient.handler());
  RawClient busy(server.port(), kGet);
  RawClient half(server.port(), "GET /half HTTP/1.1\r\n");
  const auto [request, reply] = patient.next();
  RawClient idle(server.port(), kGet);
  patient.next().second(text("before"));
  EXPECT_NE(idle.receive("before").find("200"), std::string::npos);
  auto drained = std::async(std::launch::async, [&] { return server->drain(5s); });
  EXPECT_EQ(idle.receive(), "");
  EXPECT_TRUE(comes_true([&] { return !RawClient(server.port()).is_connected(); }));
  half.send("Host: x\r\n\r\n");
  patient.next().second(text("the half one"));
  EXPECT_NE(half.receive().find("the half one"), std::string::npos);
  reply(text("the busy one"));
  const std::string answer = busy.receive();
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_NE(answer.find("the busy one"), std::string::npos);
  EXPECT_TRUE(drained.get());
}

TEST(Server, AnswersAClientThatHadJustConnectedWhenItDrained) {
  HttpServer server;
  RawClient late(server.port());
  const RawClient silent(server.port());
  auto drained = std::async(std::launch::async, [&] { return server->drain(5s); });
  EXPECT_TRUE(comes_true([&] { return !RawClient(server.port()).is_connected(); }));
  late.send(kGet);
  EXPECT_NE(late.receive().find("GET /a"), std::string::npos);
  EXPECT_EQ(silent.receive(), "");
  EXPECT_TRUE(drained.get());
}

TEST(Server, CutsOffWhatDrainsTooLong) {
  PatientHandler patient;
  HttpServer server(patient.handler());
  const RawClient client(server.port(), kGet);
  const auto [request, reply] = patient.next();
  EXPECT_FALSE(server->drain(50ms));
  EXPECT_TRUE(request.cancelled());
  EXPECT_EQ(client.receive(), "");
}

TEST(Server, ListensOnAUnixSocketWithItsPermissions) {
  const testing_support::TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "s.sock";
  {
    HttpServer server(testing_support::echo, {.host = "", .unix_socket = file, .unix_mode = "660"});
    EXPECT_EQ(server->address(), "unix:" + file.string());
    struct stat facts {};
    ASSERT_EQ(::stat(file.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0660U);
    EXPECT_EQ(server.get("/u").body, "GET /u ");
    EXPECT_EQ(server.log_of(1)[0].peer, "unix");
    EXPECT_NE(thrown_message<core::IoError>([&] {
                const Server second({.host = "", .unix_socket = file}, testing_support::echo);
              }).find("another server listens there"),
              std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(Server, ReplacesTheSocketOfADeadServerAndNothingElse) {
  const testing_support::TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "dead.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  file.string().copy(address.sun_path, sizeof address.sun_path - 1);
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(dead);
  HttpServer server(testing_support::echo, {.host = "", .unix_socket = file});
  EXPECT_EQ(server.get("/").status, 200);
  const std::filesystem::path text_file = folder.path() / "notes.txt";
  std::ofstream(text_file) << "mine";
  EXPECT_THROW(Server({.host = "", .unix_socket = text_file}, testing_support::echo), core::IoError);
  EXPECT_TRUE(std::filesystem::exists(text_file));
}

TEST(Server, ServesSocketsThatItWasGiven) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_NE(thrown_message<std::invalid_argument>([&] {
              const Server server({.inherited = {socket}}, testing_support::echo);
            }).find("is no listening stream socket"),
            std::string::npos);
  ASSERT_EQ(::listen(socket, 5), 0);
  HttpServer server(testing_support::echo, {.inherited = {socket}});
  EXPECT_EQ(server.get("/given").body, "GET /given ");
}

TEST(Server, SaysWhyItCannotListen) {
  HttpServer server;
  const auto message = [](const ServerOptions& options) -> std::string {
    try {
      const Server second(options, testing_support::echo);
    } catch (const std::exception& error) {
      return error.what();
    }
    return "it listens";
  };
  EXPECT_NE(message({.port = server.port()}).find("is in use by another program"), std::string::npos);
  EXPECT_NE(message({.host = "no-such-host.invalid"}).find("`host` no-such-host.invalid"), std::string::npos);
  EXPECT_NE(message({.host = ""}).find("nothing to listen on"), std::string::npos);
  EXPECT_NE(message({.port = 70000}).find("port must lie in [0, 65535]"), std::string::npos);
  EXPECT_NE(message({.host = "", .unix_socket = std::string(200, 'x')}).find("`unix_socket`"), std::string::npos);
  EXPECT_NE(message({.port = 0, .cors_origin = "example.org"}).find("`cors_origin`"), std::string::npos);
}

TEST(Server, LetsPagesOfTheAllowedOriginRead) {
  HttpServer server(testing_support::echo, {.cors_origin = "https://example.org"});
  Client client(server->address());
  const auto origin_of = [&](const std::string& origin) {
    return std::string(client.send({.headers = {{"Origin", origin}}}).headers.get("Access-Control-Allow-Origin"));
  };
  EXPECT_EQ(origin_of("https://example.org"), "https://example.org");
  EXPECT_EQ(origin_of("https://evil.example"), "");
  EXPECT_EQ(client.get("/").headers.get("Access-Control-Allow-Origin"), "");
}

TEST(Server, RefusesOtherHostsThanItsOwnIfAsked) {
  HttpServer server(testing_support::echo, {.allowed_hosts = {"localhost", "[::1]"}});
  Client client(server->address());
  EXPECT_EQ(client.send({.headers = {{"Host", "evil.example"}}}).status, 421);
  EXPECT_EQ(client.send({.headers = {{"Host", "LocalHost:8080"}}}).status, 200);
  EXPECT_EQ(client.send({.headers = {{"Host", "[::1]:8080"}}}).status, 200);
}

TEST(Server, NamesEveryRequestInResponseAndLog) {
  HttpServer server;
  Client client(server->address());
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const ClientResponse named = client.send(
      {.target = "/n?q=1", .headers = {{"X-Request-Id", "abc-1"}, {"traceparent", trace}, {"User-Agent", "test"}}});
  EXPECT_EQ(named.headers.get("X-Request-Id"), "abc-1");
  EXPECT_EQ(named.headers.get("traceparent"), trace);
  const ClientResponse unnamed = client.send({.headers = {{"X-Request-Id", "a b"}, {"traceparent", "00-0-0-0"}}});
  EXPECT_EQ(unnamed.headers.get("X-Request-Id").size(), 32U);
  EXPECT_FALSE(unnamed.headers.contains("traceparent"));
  const std::string line = access_line(server.log_of(2)[0]);
  for (const char* part :
       {R"("id":"abc-1")", R"("trace_id":"4bf92f3577b34da6a3ce929d0e0e4736")", R"("target":"/n?q=1")",
        R"("status":200)", R"("user_agent":"test")", R"("peer":"127.0.0.1:)"}) {
    EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
  }
}

TEST(Server, StreamsABodyPieceByPiece) {
  std::thread writer;
  HttpServer server([&](const Request&, const Reply& reply) {
    writer = std::thread([stream = reply.stream({.content_type = "text/event-stream"})] {
      for (int i = 0; i < 3; ++i) EXPECT_TRUE(stream.write(event_text(std::to_string(i), "step")));
      stream.end();
      EXPECT_FALSE(stream.is_open());
    });
  });
  Client client(server->address());
  const ClientResponse response = client.get("/");
  writer.join();
  EXPECT_EQ(response.headers.get("Transfer-Encoding"), "chunked");
  EXPECT_EQ(response.body, "event: step\ndata: 0\n\nevent: step\ndata: 1\n\nevent: step\ndata: 2\n\n");
  EXPECT_TRUE(client.is_connected());
}

TEST(Server, StreamsWaitForASlowClientAndEndWithIt) {
  std::promise<std::size_t> written;
  std::thread writer;
  HttpServer server([&](const Request&, const Reply& reply) {
    writer = std::thread([&written, stream = reply.stream({})] {
      std::size_t bytes = 0;
      while (stream.write(std::string(65536, 'x'))) bytes += 65536;
      written.set_value(bytes);
    });
  });
  RawClient client(server.port(), kGet);
  client.receive("xxxx");
  std::this_thread::sleep_for(50ms);  // it takes nothing meanwhile, so the writer must wait
  client.close();
  EXPECT_LT(written.get_future().get(), std::size_t{64} << 20U);
  writer.join();
}

TEST(Server, ShowsAStreamThatWasBrokenOff) {
  HttpServer server([](const Request&, const Reply& reply) { reply.stream({}).offer("half"); });
  EXPECT_NE(thrown_message<core::Error>([&] { server.get("/"); }).find("in the middle of the response"),
            std::string::npos);
}

TEST(Server, EndsEventStreamsWhenItDrains) {
  std::optional<Stream> stream;
  HttpServer server(
      [&](const Request&, const Reply& reply) { stream = reply.stream({.content_type = "text/event-stream"}); });
  RawClient client(server.port(), kGet);
  client.receive("\r\n\r\n");
  EXPECT_TRUE(server->drain(5s));
  EXPECT_NE(client.receive().find("0\r\n\r\n"), std::string::npos);
  EXPECT_FALSE(stream->is_open());
}

TEST(Server, ServesWithSeveralThreads) {
  HttpServer server(testing_support::echo, {.io_threads = 3});
  std::vector<std::thread> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&] {
      Client client(server->address());
      for (int j = 0; j < 50; ++j) EXPECT_EQ(client.get("/t").body, "GET /t ");
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(server->counts().requests, 300U);
  EXPECT_TRUE(server->drain(5s));
}

}  // namespace
}  // namespace margay::http
