#include "apps/studio/studio.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/studio/running_studio.h"
#include "tests/support/http_server.h"
#include "tests/support/thrown_message.h"

namespace margay::studio {
namespace {

using testing_support::comes_true;
using testing_support::HttpServer;
using testing_support::RawClient;
using testing_support::RunningStudio;
using testing_support::thrown_message;

TEST(Studio, SaysWhatItServes) {
  RunningStudio studio;
  const nlohmann::json about = studio.json("/api/studio");
  EXPECT_EQ(about["version"], "1.2.3");
  EXPECT_EQ(about["read_only"], false);
  ASSERT_EQ(about["folders"].size(), 1);
  EXPECT_EQ(about["folders"][0]["id"], "images");
  EXPECT_EQ(about["folders"][0]["is_there"], true);
  std::filesystem::remove_all(studio.folder() / "images");
  EXPECT_EQ(studio.json("/api/studio")["folders"][0]["is_there"], false);
}

TEST(Studio, GivesThePageWithAPolicyThatAllowsNothingFromElsewhere) {
  RunningStudio studio;
  const http::ClientResponse page = studio.send_with({}, "GET", "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.headers.get("Content-Type"), "text/html; charset=utf-8");
  const std::string policy(page.headers.get("Content-Security-Policy"));
  EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; ")) << policy;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(policy.find("http"), std::string::npos);
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
  for (const char* path : {"/studio.js", "/studio.css"}) {
    const http::ClientResponse file = studio.send_with({}, "GET", path);
    EXPECT_EQ(file.status, 200) << path;
    EXPECT_EQ(file.headers.get("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(studio.send_with({{"If-None-Match", std::string(file.headers.get("ETag"))}}, "GET", path).status, 304);
  }
  EXPECT_EQ(studio.send_with({}, "GET", "/etc/passwd").status, 404);
}

TEST(Studio, LetsNothingThatItServesRunAsAPage) {
  RunningStudio studio;
  const http::ClientResponse response = studio.get("/api/studio");
  EXPECT_EQ(response.headers.get("Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'; sandbox");
  EXPECT_EQ(response.headers.get("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(response.headers.get("Cross-Origin-Resource-Policy"), "same-origin");
  EXPECT_EQ(response.headers.get("Cache-Control"), "no-store");
}

TEST(Studio, KeepsATokenFromAFile) {
  testing_support::TemporaryFolder folder;
  const auto file = folder / "token";
  testing_support::write(file, "# mine\n0123456789abcdef-mine\n");
  std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  RunningStudio studio({.token_file = file});
  EXPECT_EQ(studio.token(), "0123456789abcdef-mine");
  EXPECT_EQ(studio.studio().access().page_address("http://x"), "http://x/?token=0123456789abcdef-mine");
}

TEST(Studio, ShowsTheImagesOfItsRunsWhereNoneAreNamedAndNoneElsewhere) {
  testing_support::TemporaryFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  std::filesystem::create_directories("pets/images");
  testing_support::write("runs/a/config.json", R"({"batch": {"folder": "pets/images"}})");
  testing_support::write("runs/b/config.json", R"({"batch": {"folder": "/etc"}})");
  testing_support::write("runs/c/config.json", R"({"batch": {"folder": "gone"}})");
  testing_support::write("runs/d/config.json", R"({"batch": 5})");
  const Studio studio({}, {});
  std::filesystem::current_path(before);
  ASSERT_EQ(studio.folders().all().size(), 1);
  EXPECT_EQ(studio.folders().all()[0].path, std::filesystem::canonical(folder / "pets/images"));
}

TEST(Studio, IsNotMadeOverAFolderThatIsNotThere) {
  EXPECT_EQ(thrown_message<core::DataError>([] { Studio({.folders = {"/no/such/pets"}}, {}); }),
            "/no/such/pets: there is no such folder");
}

/// Routes with one function, as an http handler.
class OneFunction {
 public:
  explicit OneFunction(StudioRoutes::Function function) : studio_({}, {}), routes_(studio_, workers_), workers_(2, 8) {
    routes_.get("/api/{name}", std::move(function));
  }
  http::ClientResponse get(const std::string& target) {
    HttpServer server(std::ref(routes_.router()));
    return server.get(target);
  }

 private:
  Studio studio_;
  StudioRoutes routes_;
  Workers workers_;
};

TEST(StudioRoutes, AnswerWhatAFunctionThrowsAsAnError) {
  OneFunction routes([](const http::Request& request) -> RouteResult {
    const std::string name(request.parameter("name"));
    if (name == "conflict") throw http::RequestError(409, "somebody else was faster");
    if (name == "argument") throw std::invalid_argument("[studio] a bad argument");
    if (name == "data") throw core::DataError("runs/x/config.json", "is broken");
    if (name == "io") throw core::IoError("runs/x", "cannot be written");
    return nlohmann::ordered_json{{"name", name}};
  });
  const auto check = [&](const std::string& name, int status, const std::string& error) {
    const http::ClientResponse response = routes.get("/api/" + name);
    EXPECT_EQ(response.status, status) << name;
    EXPECT_EQ(nlohmann::json::parse(response.body)["error"], error);
  };
  check("conflict", 409, "somebody else was faster");
  check("argument", 400, "[studio] a bad argument");
  check("data", 422, "runs/x/config.json: is broken");
  check("io", 500, "runs/x: cannot be written");
  EXPECT_EQ(routes.get("/api/cat").body, R"({"name":"cat"})");
}

TEST(StudioRoutes, GiveWhatIsNoUtf8AsReplacementCharacters) {
  OneFunction routes([](const http::Request&) { return RouteResult(nlohmann::ordered_json("caf\xe9")); });
  EXPECT_EQ(routes.get("/api/x").body, "\"caf\xEF\xBF\xBD\"");
}

TEST(Changes, AreToldToEveryPageThatListens) {
  RunningStudio studio;
  const std::string request = studio.events_request();
  RawClient first(studio.port(), request);
  RawClient second(studio.port(), request);
  ASSERT_TRUE(comes_true([&] { return studio.studio().changes().listeners() == 2; }));
  studio.studio().changes().publish("runs", {{"folder", "a\nb"}});
  for (RawClient* page : {&first, &second}) {
    const std::string events = page->receive("a\\nb");
    EXPECT_NE(events.find("event: hello\ndata: {\"version\":\"1.2.3\""), std::string::npos) << events;
    EXPECT_NE(events.find("event: runs\ndata: {\"folder\":\"a\\nb\"}\n"), std::string::npos) << events;
  }
  first.close();
  EXPECT_TRUE(comes_true([&] {  // who has left is noticed when something is sent, at the latest a heartbeat
    studio.studio().changes().publish("runs", {});
    return studio.studio().changes().listeners() == 1;
  }));
}

TEST(Changes, AreLookedForOnlyWhileSomebodyListens) {
  Changes changes(std::chrono::milliseconds(1), "{}");
  std::atomic<int> looks = 0;
  changes.watch([&] { ++looks; });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(looks, 0);
  HttpServer server([&](const http::Request&, const http::Reply& reply) {
    changes.listen(reply.stream({.content_type = "text/event-stream"}));
  });
  {
    RawClient page(server.port(), "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(comes_true([&] { return looks > 2; }));
  }
  ASSERT_TRUE(comes_true([&] { return changes.listeners() == 0; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const int then = looks;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(looks, then);
}

/// Notes in itself how often it has looked.
class CountedLook {
 public:
  explicit CountedLook(std::atomic<int>& looks) : looks_(looks) {}
  void operator()() { looks_ = ++own_; }

 private:
  std::atomic<int>& looks_;
  int own_ = 0;
};

TEST(Changes, AreLookedForByOneWhoRemembersTheLastTime) {
  std::atomic<int> looks = 0;
  Changes changes(std::chrono::milliseconds(1), "{}");
  changes.watch(CountedLook(looks));
  HttpServer server([&](const http::Request&, const http::Reply& reply) {
    changes.listen(reply.stream({.content_type = "text/event-stream"}));
  });
  const RawClient page(server.port(), "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(comes_true([&] { return looks > 2; }));
}

TEST(Changes, AreLookedForAgainAfterALookThatFails) {
  std::atomic<int> looks = 0;
  Changes changes(std::chrono::milliseconds(1), "{}");
  changes.watch([&]() -> void {
    ++looks;
    throw std::runtime_error("the folder is gone");
  });
  HttpServer server([&](const http::Request&, const http::Reply& reply) {
    changes.listen(reply.stream({.content_type = "text/event-stream"}));
  });
  const RawClient page(server.port(), "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(comes_true([&] { return looks > 2; }));
}

}  // namespace
}  // namespace margay::studio
