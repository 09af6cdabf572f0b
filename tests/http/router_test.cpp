#include "margay/http/router.h"

#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/support/http_server.h"

namespace margay::http {
namespace {

using testing_support::HttpServer;

constexpr const char* kSecret = "0123456789abcdef";

Handler says(const std::string& word) {
  return [word](const Request& request, const Reply& reply) {
    std::string answer = word;
    for (const QueryField& field : request.parameters) answer += " " + field.name + "=" + field.value;
    reply(text(answer));
  };
}

Router example_router() {
  Router router(Tokens({kSecret}));
  router.add({"GET", "/", says("root")});
  router.add({"GET", "/models/{model}", says("model")});
  router.add({"GET", "/models/index", says("index")});
  router.add({"POST", "/models/{model}", says("predict")});
  router.add({"GET", "/models/{model}/versions/{version}", says("version")});
  router.add({"POST", "/load/{model}", says("load"), RouteAccess::kToken});
  router.add({"GET", "/static/{file*}", says("file")});
  return router;
}

TEST(Router, FindsTheRouteOfAPath) {
  HttpServer server(example_router());
  EXPECT_EQ(server.get("/").body, "root");
  EXPECT_EQ(server.get("/models/index").body, "index");
  EXPECT_EQ(server.get("/models/my%20pets").body, "model model=my pets");
  EXPECT_EQ(server.get("/models/pets/versions/3").body, "version model=pets version=3");
  EXPECT_EQ(server.get("/static/a/b.js").body, "file file=a/b.js");
  for (const char* path : {"/models", "/models/", "/models/a/", "//", "/models//versions/1", "/static", "/Models/a"}) {
    EXPECT_EQ(server.get(path).status, 404) << path;
  }
}

TEST(Router, SaysWhichMethodsAnAddressHas) {
  HttpServer server(example_router());
  Client client(server->address());
  const ClientResponse wrong = client.send({.method = "DELETE", .target = "/models/a"});
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.get("Allow"), "GET, HEAD, POST, OPTIONS");
  const ClientResponse options = client.send({.method = "OPTIONS", .target = "/models/a"});
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.get("Allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(client.send({.method = "OPTIONS", .target = "*"}).status, 204);
  const ClientResponse head = client.send({.method = "HEAD", .target = "/"});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.get("Content-Length"), "4");
}

TEST(Router, WantsATokenWhereOneIsNeeded) {
  HttpServer server(example_router());
  Client client(server->address());
  const auto load = [&](const Headers& headers) {
    return client.send({.method = "POST", .target = "/load/a", .headers = headers});
  };
  EXPECT_EQ(load({}).status, 401);
  EXPECT_EQ(load({}).headers.get("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(load({{"Authorization", "Bearer 0123456789abcdeF"}}).status, 401);
  EXPECT_EQ(load({{"Authorization", "Basic 0123456789abcdef"}}).status, 401);
  EXPECT_EQ(load({{"Authorization", "Bearer"}}).status, 401);
  EXPECT_EQ(load({{"authorization", "bearer 0123456789abcdef"}}).body, "load model=a");
}

TEST(Router, WithoutTokensOpensOnlyWhatSaysSo) {
  Router router;
  router.add({"GET", "/never", says(""), RouteAccess::kToken});
  router.add({"GET", "/open", says(""), RouteAccess::kTokenIfAny});
  HttpServer server(router);
  EXPECT_EQ(server.get("/never").status, 401);
  EXPECT_EQ(server.get("/open").status, 200);
}

TEST(Router, RefusesByTheHeadAlone) {
  const Router router = example_router();
  EXPECT_EQ(router.refusal({.method = "POST", .path = "/load/a"})->status, 401);
  EXPECT_EQ(router.refusal({.method = "POST", .path = "/nowhere"})->status, 404);
  EXPECT_FALSE(router.refusal({.method = "POST", .path = "/models/a"}).has_value());
}

TEST(Router, RefusesPatternsThatAreNone) {
  Router router = example_router();
  for (const char* pattern : {"models", "/{a}/{a}", "/{a*}/b", "/models/{other}"}) {
    EXPECT_THROW(router.add({"GET", pattern, says("")}), std::invalid_argument) << pattern;
  }
  EXPECT_THROW(router.add({"G T", "/g", says("")}), std::invalid_argument);
}

TEST(Router, AnswersWhatABrowserAsksBeforeItSends) {
  HttpServer server(example_router(), {.cors_origin = "*"});
  Client client(server->address());
  const ClientResponse response =
      client.send({.method = "OPTIONS",
                   .target = "/load/a",
                   .headers = {{"Origin", "https://a.example"},
                               {"Access-Control-Request-Method", "POST"},
                               {"Access-Control-Request-Headers", "authorization, content-type"}}});
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.headers.get("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(response.headers.get("Access-Control-Allow-Methods"), "POST, OPTIONS");
  EXPECT_EQ(response.headers.get("Access-Control-Allow-Headers"), "authorization, content-type");
}

}  // namespace
}  // namespace margay::http
