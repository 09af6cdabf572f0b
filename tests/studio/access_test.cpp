#include "apps/studio/access.h"

#include <gtest/gtest.h>

#include "tests/studio/running_studio.h"

namespace margay::studio {
namespace {

using testing_support::RunningStudio;

TEST(StudioAccess, AsksForTheToken) {
  RunningStudio studio;
  EXPECT_EQ(studio.get("/api/studio").status, 200);
  EXPECT_EQ(studio.send_with({}, "GET", "/api/studio").status, 401);
  EXPECT_EQ(studio.send_with({{"Authorization", "Bearer 0123456789abcdef"}}, "GET", "/api/studio").status, 401);
  EXPECT_EQ(studio.send_with({{"Cookie", studio.cookie()}}, "GET", "/api/studio").status, 200);
  const std::string name = studio.cookie().substr(0, studio.cookie().find('='));
  EXPECT_EQ(studio.send_with({{"Cookie", name + "=0123456789abcdef"}}, "GET", "/api/studio").status, 401);
}

TEST(StudioAccess, DoesNotEvenSayWhatThereIsWithoutTheToken) {
  RunningStudio studio;
  EXPECT_EQ(studio.send_with({}, "GET", "/api/nothing/of/that/name").status, 401);
}

TEST(StudioAccess, TurnsTheTokenOfTheAddressIntoACookieThatScriptsCannotRead) {
  RunningStudio studio;
  const http::ClientResponse entered = studio.send_with({}, "GET", "/?token=" + studio.token());
  EXPECT_EQ(entered.status, 303);
  EXPECT_EQ(entered.headers.get("Location"), "/");
  const std::string cookie(entered.headers.get("Set-Cookie"));
  EXPECT_EQ(cookie, studio.cookie() + "; Path=/; HttpOnly; SameSite=Strict");
  EXPECT_EQ(entered.headers.get("Cache-Control"), "no-store");

  const http::ClientResponse wrong = studio.send_with({}, "GET", "/?token=0123456789abcdef");
  EXPECT_EQ(wrong.status, 403);
  EXPECT_FALSE(wrong.headers.contains("Set-Cookie"));
}

TEST(StudioAccess, HasAWordThatOpensThePageOnce) {
  RunningStudio studio;
  const std::string address = studio.studio().entry_address("");
  EXPECT_EQ(address.find(studio.token()), std::string::npos);
  const http::ClientResponse entered = studio.send_with({}, "GET", address);
  EXPECT_EQ(entered.status, 303);
  EXPECT_TRUE(entered.headers.get("Set-Cookie").starts_with(studio.cookie()));
  EXPECT_EQ(studio.send_with({}, "GET", address).status, 403);
  EXPECT_EQ(studio.send_with({}, "GET", "/?enter=").status, 403);
}

TEST(StudioAccess, GivesEveryStartATokenAndACookieOfItsOwn) {
  EXPECT_NE(Access::new_token(), Access::new_token());
  EXPECT_EQ(Access::new_token().size(), 48);
  const auto name = [](const std::string& token) {
    const std::string cookie = Access(token, Writes::kAllowed).cookie();
    return cookie.substr(0, cookie.find('='));
  };
  EXPECT_NE(name("0123456789abcdef"), name("0123456789abcdee"));  // browsers share cookies among ports
}

TEST(StudioAccess, AnswersOnlyForItsOwnName) {
  RunningStudio studio;
  const std::string bearer = "Bearer " + studio.token();
  for (const char* host : {"localhost:1", "127.0.0.1", "[::1]:8080"}) {
    EXPECT_EQ(studio.send_with({{"Host", host}, {"Authorization", bearer}}, "GET", "/api/studio").status, 200) << host;
  }
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"}) {
    EXPECT_EQ(studio.send_with({{"Host", host}, {"Authorization", bearer}}, "GET", "/api/studio").status, 421) << host;
    EXPECT_EQ(studio.send_with({{"Host", host}}, "GET", "/").status, 421) << host;
  }
}

TEST(StudioAccess, AnswersNoPageOfAnotherOriginThoughTheBrowserSendsTheCookie) {
  RunningStudio studio;
  const auto status = [&](http::Headers headers, const char* method) {
    headers.set("Cookie", studio.cookie());
    return studio.send_with(headers, method, "/api/studio").status;
  };
  for (const char* site : {"cross-site", "same-site"}) {  // same-site: another port of this machine
    EXPECT_EQ(status({{"Sec-Fetch-Site", site}}, "GET"), 403) << site;
  }
  EXPECT_EQ(status({{"Sec-Fetch-Site", "same-origin"}}, "GET"), 200);
  EXPECT_EQ(status({{"Origin", "http://127.0.0.1:1"}}, "GET"), 403);
  EXPECT_EQ(status({{"Origin", "null"}}, "GET"), 403);
  EXPECT_EQ(status({{"Origin", studio.origin()}}, "GET"), 200);
}

http::Request written(http::Headers headers) {
  return {.method = "POST", .path = "/api/anything", .headers = std::move(headers)};
}

int status_of(const std::optional<http::Response>& refusal) { return refusal ? refusal->status : 200; }

TEST(StudioAccess, TakesAChangeOnlyFromItsOwnPageOrFromWhoeverKnowsTheToken) {
  const Access access("0123456789abcdef", Writes::kAllowed);
  const std::string cookie = access.cookie().substr(0, access.cookie().find(';'));
  const std::string bearer = "Bearer 0123456789abcdef";
  const auto refusal = [&](http::Headers headers) {
    headers.set("Host", "127.0.0.1:8080");
    return status_of(access.refusal(written(std::move(headers)), Effect::kChanges));
  };
  EXPECT_EQ(refusal({{"Cookie", cookie}, {"Origin", "http://127.0.0.1:8080"}}), 200);
  EXPECT_EQ(refusal({{"Cookie", cookie}, {"Sec-Fetch-Site", "same-origin"}}), 200);
  EXPECT_EQ(refusal({{"Cookie", cookie}}), 401);  // nobody says where it comes from
  EXPECT_EQ(refusal({{"Cookie", cookie}, {"Origin", "http://127.0.0.1:8081"}}), 403);
  EXPECT_EQ(refusal({{"Cookie", cookie}, {"Sec-Fetch-Site", "none"}}), 401);
  EXPECT_EQ(refusal({{"Cookie", cookie}, {"Origin", "http://127.0.0.1:8080"}, {"Sec-Fetch-Site", "cross-site"}}), 403);
  EXPECT_EQ(refusal({{"Origin", "http://127.0.0.1:8080"}}), 401);
  EXPECT_EQ(refusal({{"Authorization", bearer}}), 200);
  EXPECT_EQ(refusal({{"Authorization", bearer}, {"Origin", "http://evil.example"}}), 403);
}

TEST(StudioAccess, ChangesNothingWhereItIsReadOnly) {
  const Access access("0123456789abcdef", Writes::kRefused);
  const http::Headers known = {{"Authorization", "Bearer 0123456789abcdef"}};
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    EXPECT_EQ(status_of(access.refusal({.method = method, .headers = known}, Effect::kChanges)), 403) << method;
  }
  for (const char* method : {"GET", "HEAD", "POST"}) {
    EXPECT_EQ(status_of(access.refusal({.method = method, .headers = known}, Effect::kAsks)), 200) << method;
  }
}

}  // namespace
}  // namespace margay::studio
