#include "margay/fetch/download.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/fetch/partial_file.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_scale.h"
#include "tests/support/test_server.h"
#include "tests/support/thrown_message.h"

namespace margay::fetch {
namespace {

using testing_support::answer_honestly;
using testing_support::answer_status;
using testing_support::file_content;
using testing_support::SeenRequest;
using testing_support::ServerConnection;
using testing_support::TemporaryFolder;
using testing_support::TestServer;
using testing_support::thrown_message;

constexpr std::size_t kFileBytes = 100'000;

std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::string bytes(size, '\0');
  for (char& each : bytes) each = static_cast<char>(generator());
  return bytes;
}

std::string sha256_of(const std::string& bytes) {
  core::Sha256 sum;
  sum.update({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  return sum.finish();
}

/// Without waits, so that tests are fast.
DownloadOptions hasty() { return {.tries = 3, .stall_seconds = 1, .wait_seconds = 0}; }

struct Events : DownloadObserver {
  void continues(std::uint64_t bytes) override { continued = bytes; }
  void tries_again(const std::string& why) override { reasons.push_back(why); }
  void progressed(std::uint64_t done, std::uint64_t total) override {
    last_done = done;
    last_total = total;
  }
  bool is_stop_wanted() const override { return last_done >= stop_at; }

  std::uint64_t continued = 0;
  std::uint64_t last_done = 0;
  std::uint64_t last_total = 0;
  std::uint64_t stop_at = ~std::uint64_t{0};
  std::vector<std::string> reasons;
};

class DownloadFrom : public testing::Test {
 protected:
  Downloaded get(const TestServer& server, const FileFacts& facts = {}) {
    return download(server.url("file.bin"), file_, facts, hasty(), events_);
  }
  template <class Error = core::Error>
  std::string refusal(const TestServer& server, const FileFacts& facts = {}) {
    std::string message = thrown_message<Error>([&] { get(server, facts); });
    EXPECT_FALSE(std::filesystem::exists(file_));
    return message;
  }
  bool has_part() const { return std::filesystem::exists(folder_ / "cache/file.bin.part"); }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "cache/file.bin";
  std::string content_ = random_bytes(kFileBytes, 1);
  Events events_;
};

TEST_F(DownloadFrom, AnHonestServerGivesTheFileAndItsHash) {
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) { answer_honestly(c, r, content_); });
  const Downloaded got = get(server, {.bytes = kFileBytes, .sha256 = sha256_of(content_)});
  EXPECT_EQ(file_content(file_), content_);
  EXPECT_EQ(got.sha256, sha256_of(content_));
  EXPECT_EQ(got.bytes, kFileBytes);
  EXPECT_TRUE(got.is_checked);
  EXPECT_EQ(events_.last_done, kFileBytes);
  EXPECT_EQ(events_.last_total, kFileBytes);
  EXPECT_FALSE(has_part());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "cache/file.bin.part.json"));
}

TEST_F(DownloadFrom, AServerThatCutsAtEveryPercentReadsNoByteTwice) {
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) {
    const auto answer = testing_support::honest_answer(r, content_, "\"one\"");
    c.send(answer.head);
    c.send(answer.bytes.substr(0, kFileBytes / 100));
  });
  const Downloaded got = get(server);
  EXPECT_EQ(file_content(file_), content_);
  EXPECT_EQ(got.received_bytes, kFileBytes);
  EXPECT_EQ(server.requests().size(), 100U);
  EXPECT_FALSE(got.is_checked);
}

TEST_F(DownloadFrom, WhatWasStoppedGoesOnInTheNextCall) {
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) {
    const auto answer = testing_support::honest_answer(r, content_, "\"one\"");
    c.send(answer.head);
    if (!r.from) {
      c.send(answer.bytes.substr(0, kFileBytes / 2));
      c.stall();
    } else {
      c.send(answer.bytes);
    }
  });
  events_.stop_at = kFileBytes / 4;
  EXPECT_NE(refusal<core::Interrupted>(server).find("the next fetch goes on there"), std::string::npos);
  const auto had = std::filesystem::file_size(folder_ / "cache/file.bin.part");
  EXPECT_GE(had, kFileBytes / 4);
  events_ = {};
  EXPECT_EQ(get(server).received_bytes, kFileBytes - had);
  EXPECT_EQ(events_.continued, had);
  EXPECT_EQ(server.requests().back().if_range, "\"one\"");
  EXPECT_EQ(file_content(file_), content_);
}

TEST_F(DownloadFrom, AChangedFileIsFetchedAnew) {
  const std::string newer = random_bytes(kFileBytes + 7, 2);
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) {
    if (r.from) return answer_honestly(c, r, newer, "\"two\"");
    const auto answer = testing_support::honest_answer(r, content_, "\"one\"");
    c.send(answer.head);
    c.send(answer.bytes.substr(0, 60'000));
  });
  get(server);
  EXPECT_EQ(file_content(file_), newer);
}

TEST_F(DownloadFrom, AServerThatIgnoresIfRangeIsFoundOutByTheEtag) {
  const std::string newer = random_bytes(kFileBytes, 2);
  const TestServer server([&](ServerConnection& c, SeenRequest r) {
    r.if_range.clear();
    if (server.requests().size() > 1) return answer_honestly(c, r, newer, "\"two\"");
    const auto answer = testing_support::honest_answer(r, content_, "\"one\"");
    c.send(answer.head);
    c.send(answer.bytes.substr(0, 60'000));
  });
  get(server);
  EXPECT_EQ(file_content(file_), newer);
}

TEST_F(DownloadFrom, APartOfAnotherVersionIsDroppedWhenTheHashTells) {
  {
    PartialFile part(file_);
    part.begin({.url = "http://x/", .etag = "\"one\"", .bytes = kFileBytes});
  }
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) { answer_honestly(c, r, content_); });
  {
    PartialFile part(file_);
    part.begin({.url = server.url("file.bin"), .etag = "\"one\"", .bytes = kFileBytes, .boot = "another boot"});
    part.append(std::vector<std::uint8_t>(5000, 1));
  }
  get(server, {.sha256 = sha256_of(content_)});
  EXPECT_EQ(file_content(file_), content_);
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(DownloadFrom, AfterAPowerCutWhatNoHashTellsIsFetchedAnew) {
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) { answer_honestly(c, r, content_); });
  {
    PartialFile part(file_);
    part.begin({.url = server.url("file.bin"), .etag = "\"one\"", .bytes = kFileBytes, .boot = "another boot"});
    part.append(std::vector<std::uint8_t>(5000, 0));
  }
  get(server);
  EXPECT_EQ(file_content(file_), content_);
  EXPECT_FALSE(server.requests().front().from);
}

TEST_F(DownloadFrom, StatusesThatPassAreTriedAgain) {
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) {
    if (server.requests().size() < 3) return answer_status(c, "503 Busy");
    answer_honestly(c, r, content_);
  });
  get(server);
  EXPECT_EQ(events_.reasons, (std::vector<std::string>(2, "the server answers with status 503")));
}

TEST_F(DownloadFrom, AMissingFileIsRefusedAtOnce) {
  const TestServer server([](ServerConnection& c, const SeenRequest&) { answer_status(c, "404 No"); });
  const std::string message = refusal(server);
  EXPECT_NE(message.find(server.url("file.bin")), std::string::npos);
  EXPECT_NE(message.find("status 404, there is no such file"), std::string::npos);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(DownloadFrom, AGatedFileNamesTheLicence) {
  const TestServer server(
      [](ServerConnection& c, const SeenRequest&) { answer_status(c, "403 No", "X-Error-Code: GatedRepo\r\n"); });
  EXPECT_NE(refusal(server).find("agreed to its licence"), std::string::npos);
}

TEST_F(DownloadFrom, AWebPageInPlaceOfTheFileIsNamed) {
  const TestServer server([](ServerConnection& c, const SeenRequest&) {
    c.send("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 6\r\n\r\n<html>");
  });
  EXPECT_NE(refusal(server).find("the answer is a web page, not the file; a proxy"), std::string::npos);
}

TEST_F(DownloadFrom, RedirectsAreFollowedOnlyToWhatMayBeFetched) {
  for (const char* to : {"file:///etc/passwd", "ftp://127.0.0.1/x", "http://192.0.2.1/x", "gopher://127.0.0.1:1/x"}) {
    const TestServer server([&](ServerConnection& c, const SeenRequest&) {
      answer_status(c, "302 There", fmt::format("Location: {}\r\n", to));
    });
    EXPECT_NE(refusal(server).find("only https is followed"), std::string::npos) << to;
  }
}

TEST_F(DownloadFrom, ARedirectOnThisMachineIsFollowedAndEndlessOnesAreNot) {
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) {
    if (r.target == "/file.bin") return answer_status(c, "302 There", "Location: /other\r\n");
    if (r.target == "/other") return answer_honestly(c, r, content_);
    answer_status(c, "307 There", "Location: " + r.target + "x\r\n");
  });
  get(server);
  EXPECT_EQ(file_content(file_), content_);
  const std::string message =
      thrown_message<core::Error>([&] { download(server.url("loop"), folder_ / "loop", {}, hasty(), events_); });
  EXPECT_NE(message.find("more than 10 redirects"), std::string::npos);
}

TEST_F(DownloadFrom, TheHashThatThePublishersServerTellsIsChecked) {
  const auto server_telling = [&](const std::string& hash) {
    return [this, hash](ServerConnection& c, const SeenRequest& r) {
      if (r.target == "/other") return answer_honestly(c, r, content_);
      answer_status(c, "302 There", "Location: /other\r\nX-Linked-Etag: \"" + hash + "\"\r\n");
    };
  };
  const TestServer wrong(server_telling(std::string(64, 'a')));
  EXPECT_NE(refusal<core::DataError>(wrong).find("not " + std::string(64, 'a')), std::string::npos);
  const TestServer right(server_telling(sha256_of(content_)));
  EXPECT_TRUE(get(right).is_checked);
}

TEST_F(DownloadFrom, AFileThatIsNotWhatFactsSayIsNotKept) {
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) { answer_honestly(c, r, content_); });
  const std::string hash = sha256_of(content_);
  EXPECT_NE(refusal<core::DataError>(server, {.sha256 = "0123abcd"}).find(hash + ", not 0123abcd…"), std::string::npos);
  EXPECT_FALSE(has_part());
  EXPECT_NE(refusal<core::DataError>(server, {.bytes = 7}).find("has 100000 bytes, not 7"), std::string::npos);
  EXPECT_NE(refusal<core::DataError>(server, {.md5_of_first_mib = std::string(32, '0')}).find("MD5"),
            std::string::npos);
}

TEST_F(DownloadFrom, AServerThatSaysNothingIsGivenUp) {
  const TestServer server([&](ServerConnection& c, const SeenRequest&) { c.stall(); });
  DownloadOptions options = hasty();
  options.tries = 1;
  const std::string message =
      thrown_message<core::Error>([&] { download(server.url("file.bin"), file_, {}, options, events_); });
  EXPECT_NE(message.find("1 tries in a row brought nothing"), std::string::npos);
}

TEST_F(DownloadFrom, NobodyListeningIsSaidAtOnceWithTheAddress) {
  int port = 0;
  {
    port = TestServer([](ServerConnection&, const SeenRequest&) {}).port();
  }
  const std::string url = fmt::format("http://127.0.0.1:{}/file.bin", port);
  const std::string message = thrown_message<core::Error>([&] { download(url, file_, {}, hasty(), events_); });
  EXPECT_NE(message.find("127.0.0.1 cannot be reached"), std::string::npos);
  EXPECT_NE(message.find(url), std::string::npos);
  EXPECT_TRUE(events_.reasons.empty());
}

TEST_F(DownloadFrom, OfflineOpensNoConnection) {
  const TestServer server([](ServerConnection&, const SeenRequest&) {});
  DownloadOptions options = hasty();
  options.offline = true;
  const std::string message =
      thrown_message<core::Error>([&] { download(server.url("file.bin"), file_, {}, options, events_); });
  EXPECT_NE(message.find("`offline`"), std::string::npos);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(DownloadFrom, AddressesThatNobodyVouchesForAreRefused) {
  const auto message = [&](const std::string& url) {
    return thrown_message<core::Error>([&] { download(url, file_, {}, hasty(), events_); });
  };
  for (const char* url : {"http://example.org/x", "file:///etc/passwd", "ftp://example.org/x"}) {
    EXPECT_NE(message(url).find("only https"), std::string::npos) << url;
  }
  EXPECT_THROW(download("no address", file_, {}, hasty(), events_), std::invalid_argument);
}

TEST_F(DownloadFrom, TheEnvironmentsProxyIsNotUsedButTheOptionsIs) {
  ::setenv("http_proxy", "http://127.0.0.1:9", 1);
  ::setenv("all_proxy", "http://127.0.0.1:9", 1);
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) { answer_honestly(c, r, content_); });
  get(server);
  ::unsetenv("http_proxy");
  ::unsetenv("all_proxy");
  DownloadOptions options = hasty();
  options.proxies.http = server.url("");
  download("http://127.0.0.1:9/through", folder_ / "through", {}, options, events_);
  EXPECT_EQ(server.requests().back().target, "http://127.0.0.1:9/through");
  options.proxies.no_proxy = "127.0.0.1";
  EXPECT_THROW(download("http://127.0.0.1:9/past", folder_ / "past", {}, options, events_), core::Error);
}

TEST_F(DownloadFrom, TwoFetchesOfOneFileDoNotMix) {
  const PartialFile other(file_);
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) { answer_honestly(c, r, content_); });
  EXPECT_NE(refusal(server).find("file.bin.part: another process is fetching this file"), std::string::npos);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(DownloadFrom, AFolderThatMayNotBeWrittenIsNamed) {
  std::filesystem::create_directories(folder_ / "cache");
  ::chmod(folder_.path().c_str(), 0755);
  ::chmod((folder_ / "cache").c_str(), 0555);
  const testing_support::OrdinaryUser user;
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) { answer_honestly(c, r, content_); });
  EXPECT_NE(refusal<core::IoError>(server).find("file.bin.part: cannot write this file"), std::string::npos);
}

TEST_F(DownloadFrom, AFullDiskKeepsWhatHasArrived) {
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) { answer_honestly(c, r, content_); });
  {
    const testing_support::FileSizeLimit limit(50'000);
    EXPECT_NE(refusal<core::IoError>(server).find("what has arrived is kept"), std::string::npos);
  }
  EXPECT_EQ(get(server).received_bytes, kFileBytes - 50'000);
  EXPECT_EQ(file_content(file_), content_);
}

/// What a bad server may do with one request; `sound`: whether a client can complete the file with it later.
void misbehave(ServerConnection& c, SeenRequest r, const std::string& content, std::mt19937& random) {
  const auto draw = [&](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  std::string bytes = content;
  auto answer = testing_support::honest_answer(r, bytes, "\"one\"");
  std::string sent(answer.bytes);
  switch (draw(12)) {
    case 0:  // cut
      c.send(answer.head);
      c.send(answer.bytes.substr(0, draw(answer.bytes.size() + 1)));
      return;
    case 1:  // a flipped bit
      if (!sent.empty()) sent[draw(sent.size())] ^= static_cast<char>(1U << draw(8));
      c.send(answer.head);
      c.send(sent);
      return;
    case 2:  // a length that is too short or too long
      c.send("HTTP/1.1 200 OK\r\nETag: \"one\"\r\nConnection: close\r\nContent-Length: " +
             std::to_string(draw(2 * bytes.size())) + "\r\n\r\n");
      c.send(bytes);
      return;
    case 3:
      return answer_status(c, "302 There", "Location: file:///etc/passwd\r\n");
    case 4:
      return answer_status(c, "302 There", "Location: " + r.target + "x\r\n");
    case 5:
      return answer_status(c, "416 No", "Content-Range: bytes */" + std::to_string(draw(bytes.size())) + "\r\n");
    case 6:  // another file under the same ETag
      return answer_honestly(c, r, random_bytes(bytes.size(), static_cast<unsigned>(random())), "\"one\"");
    case 7:  // another file under another ETag, cut
      c.send(testing_support::honest_answer(r, bytes, "\"two\"").head);
      c.send(answer.bytes.substr(0, draw(answer.bytes.size() + 1)));
      return;
    case 8:
      c.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>");
      return;
    case 9:  // another part than was asked for
      c.send("HTTP/1.1 206 Part\r\nETag: \"one\"\r\nConnection: close\r\nContent-Length: 10\r\nContent-Range: bytes " +
             std::to_string(draw(bytes.size())) + "-/" + std::to_string(bytes.size()) + "\r\n\r\n0123456789");
      return;
    case 10:  // without a length
      c.send("HTTP/1.1 200 OK\r\nETag: \"one\"\r\nConnection: close\r\n\r\n");
      c.send(sent.substr(0, draw(sent.size() + 1)));
      return;
    default:  // nothing
      return;
  }
}

TEST_F(DownloadFrom, AMisbehavingServerNeverLeavesAWrongFile) {
  const int transfers = testing_support::scaled(100, 10'000);
  std::mt19937 random(7);
  const std::string content = random_bytes(3000, 3);
  int faults = 0;
  int requests = 0;
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) {
    const bool is_faulty = requests++ < faults;  // one client at a time
    is_faulty ? misbehave(c, r, content, random) : answer_honestly(c, r, content);
  });
  DownloadOptions options = hasty();
  options.tries = 1;
  int complete = 0;
  for (int i = 0; i < transfers; ++i) {
    faults = static_cast<int>(1 + random() % 3);
    requests = 0;
    for (int attempt = 0; attempt < 8 && !std::filesystem::exists(file_); ++attempt) {
      try {
        download(server.url("file.bin"), file_, {.bytes = content.size(), .sha256 = sha256_of(content)}, options,
                 events_);
      } catch (const core::Error&) {
        EXPECT_FALSE(std::filesystem::exists(file_));
      }
    }
    ASSERT_TRUE(std::filesystem::exists(file_)) << "transfer " << i;
    ASSERT_EQ(file_content(file_), content) << "transfer " << i;
    ++complete;
    std::filesystem::remove(file_);
  }
  EXPECT_EQ(complete, transfers);
}

TEST_F(DownloadFrom, AKilledFetchGoesOnWithTheNextByte) {
  const std::string content = random_bytes(2'000'000, 4);
  const TestServer server([&](ServerConnection& c, const SeenRequest& r) {
    const auto answer = testing_support::honest_answer(r, content, "\"one\"");
    c.send(answer.head);
    for (std::size_t at = 0; at < answer.bytes.size(); at += 4096) {
      if (!c.send(answer.bytes.substr(at, 4096))) return;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  const std::filesystem::path part = folder_ / "cache/file.bin.part";
  const auto arrived = [&] { return std::filesystem::exists(part) ? std::filesystem::file_size(part) : 0; };
  std::mt19937 random(8);
  const int kills = testing_support::scaled(10, 200);
  int killed = 0;
  while (killed < kills) {
    const std::uintmax_t before = arrived();
    const std::size_t requests = server.requests().size();
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        get(server, {.sha256 = sha256_of(content)});
        ::_exit(0);
      } catch (...) {
        ::_exit(1);
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 30'000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) ++killed;
    for (std::size_t i = requests; i < server.requests().size(); ++i) {
      EXPECT_EQ(server.requests()[i].from.value_or(0), before);  // 0 bytes are read twice
    }
    if (!std::filesystem::exists(file_)) continue;
    ASSERT_EQ(file_content(file_), content);
    std::filesystem::remove(file_);
  }
  get(server, {.sha256 = sha256_of(content)});
  EXPECT_EQ(file_content(file_), content);
}

}  // namespace
}  // namespace margay::fetch
