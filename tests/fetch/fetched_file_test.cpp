#include "margay/fetch/fetched_file.h"

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_server.h"
#include "tests/support/thrown_message.h"

namespace margay::fetch {
namespace {

using testing_support::SeenRequest;
using testing_support::ServerConnection;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

constexpr const char* kHashOfOne = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";

class FetchedFiles : public testing::Test {
 protected:
  FetchedFile fetch(FileFacts facts = {}) {
    return fetch_file({.url = server_.url("a.bin"), .facts = std::move(facts), .facts_source = "the table"}, file_, {},
                      quiet_);
  }

  std::string content_ = "one";
  testing_support::TestServer server_{
      [this](ServerConnection& c, const SeenRequest& r) { testing_support::answer_honestly(c, r, content_); }};
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "a.bin";
  DownloadObserver quiet_;
};

TEST_F(FetchedFiles, AreFetchedOnceAndRemembered) {
  const FetchedFile first = fetch();
  EXPECT_FALSE(first.was_there);
  EXPECT_EQ(first.record.sha256, kHashOfOne);
  EXPECT_EQ(first.record.checked_by, "");
  const FetchedFile second = fetch();
  EXPECT_TRUE(second.was_there);
  EXPECT_EQ(second.record.checked_by, "the first fetch");
  EXPECT_EQ(server_.requests().size(), 1U);
  EXPECT_EQ(read_record(file_)->bytes, 3U);
}

TEST_F(FetchedFiles, MustAgreeWithTheHashOfTheirFirstFetch) {
  fetch();
  std::filesystem::remove(file_);
  content_ = "two";
  const std::string message = thrown_message<core::DataError>([&] { fetch(); });
  EXPECT_NE(message.find("if the publisher has a new version, remove"), std::string::npos);
  EXPECT_NE(message.find("a.bin.fetched.json"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(file_));
  std::filesystem::remove(folder_ / "a.bin.fetched.json");
  EXPECT_NE(fetch().record.sha256, kHashOfOne);
}

TEST_F(FetchedFiles, OfTheUserAreNeverOverwritten) {
  testing_support::write(file_, "mine");
  const std::string message = thrown_message<core::DataError>([&] { fetch({.sha256 = "7692c3ad"}); });
  EXPECT_NE(message.find("is there, but has the SHA-256"), std::string::npos);
  EXPECT_EQ(testing_support::file_content(file_), "mine");
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(FetchedFiles, AreCheckedByWhatTheirPublisherSays) {
  EXPECT_EQ(fetch({.bytes = 3, .md5_of_first_mib = "f97c5d29941bfb1b2fdab0874906ab82"}).record.checked_by, "the table");
}

TEST(Catalogue, KnowsTheHashInTheNamesOfTorchvisionsFiles) {
  const Published vgg = published_weights("https://download.pytorch.org/models/vgg16-397923af.pth");
  EXPECT_EQ(vgg.facts.sha256, "397923af");
  EXPECT_EQ(vgg.licence, "");
  const Published timm =
      published_weights("https://huggingface.co/timm/resnet18.tv_in1k/resolve/main/model.safetensors");
  EXPECT_FALSE(timm.facts.has_hash());
  EXPECT_EQ(timm.licence, "bsd-3-clause");
  EXPECT_EQ(hash_in_name("resnet18-half.pth"), "");
  EXPECT_EQ(hash_in_name("mobilenet-v2.pth"), "");
}

TEST(Catalogue, SuggestsTheNearestNameOfData) {
  EXPECT_EQ(find_data("pets").archive.facts.bytes, 811'706'944U);
  const std::string message = thrown_message<std::invalid_argument>([] { find_data("flower"); });
  EXPECT_NE(message.find("no 'flower'; did you mean 'flowers'?"), std::string::npos);
}

TEST(Catalogue, NamesTheSourceOfEachFact) {
  for (const PublishedData& each : published_data()) {
    EXPECT_EQ(parse_url(each.archive.url).scheme, "https");
    EXPECT_EQ(each.archive.facts_source.empty(), !each.archive.facts.has_hash());
    EXPECT_EQ(each.archive.licence_source.empty(), each.archive.licence.empty()) << each.name;
  }
}

}  // namespace
}  // namespace margay::fetch
