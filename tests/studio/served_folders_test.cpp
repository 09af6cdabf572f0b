#include "apps/studio/served_folders.h"

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/http/target.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::write;

int refusal(const ServedFolders& folders, std::string_view relative) {
  try {
    folders.inside(folders.all().front(), relative);
    return 200;
  } catch (const http::RequestError& error) {
    return error.status();
  }
}

class ServedFoldersTest : public ::testing::Test {
 protected:
  ServedFoldersTest() {
    write(temporary_ / "pets/cats/1.jpg", "a cat");
    write(temporary_ / "secret.txt", "not for the page");
    write(temporary_ / "pets-not-served/2.jpg", "another");
  }
  ServedFolders served() { return ServedFolders({temporary_ / "pets"}, temporary_ / "runs"); }

  TemporaryFolder temporary_;
};

TEST_F(ServedFoldersTest, FindsWhatLiesInThem) {
  const ServedFolders folders = served();
  EXPECT_EQ(folders.inside(folders.at("pets"), "cats/1.jpg"), fs::canonical(temporary_ / "pets/cats/1.jpg"));
  EXPECT_EQ(folders.inside(folders.at("pets"), ""), fs::canonical(temporary_ / "pets"));
  EXPECT_EQ(refusal(folders, "cats/2.jpg"), 404);
}

TEST_F(ServedFoldersTest, AreNotLeftByAnyPath) {
  const ServedFolders folders = served();
  const std::string absolute = (temporary_ / "secret.txt").string();
  for (const std::string& path : {std::string("../secret.txt"), std::string("cats/../../secret.txt"), absolute,
                                  std::string("../pets-not-served/2.jpg"), std::string("cats/1.jpg\0x", 12)}) {
    EXPECT_EQ(refusal(folders, path), 403) << path;
  }
}

TEST_F(ServedFoldersTest, AreNotLeftByALink) {
  fs::create_symlink(temporary_ / "secret.txt", temporary_ / "pets/link.txt");
  fs::create_directory_symlink(temporary_ / "pets-not-served", temporary_ / "pets/dogs");
  fs::create_symlink("nowhere", temporary_ / "pets/broken.jpg");
  fs::create_symlink("loop.jpg", temporary_ / "pets/loop.jpg");
  const ServedFolders folders = served();
  EXPECT_EQ(refusal(folders, "link.txt"), 403);
  EXPECT_EQ(refusal(folders, "dogs/2.jpg"), 403);
  EXPECT_EQ(refusal(folders, "broken.jpg"), 404);
  EXPECT_EQ(refusal(folders, "loop.jpg"), 404);
}

TEST_F(ServedFoldersTest, MayLinkToEachOther) {
  fs::create_directory_symlink(temporary_ / "pets-not-served", temporary_ / "pets/dogs");
  const ServedFolders folders({temporary_ / "pets", temporary_ / "pets-not-served"}, temporary_ / "runs");
  EXPECT_EQ(refusal(folders, "dogs/2.jpg"), 200);
}

TEST_F(ServedFoldersTest, HaveNamesForAddresses) {
  write(temporary_ / "other/pets/1.jpg", "x");
  write(temporary_ / "größe & mehr/1.jpg", "x");
  const ServedFolders folders({temporary_ / "pets", temporary_ / "other/pets", temporary_ / "größe & mehr",
                               temporary_ / "pets/", temporary_ / "other/.."},
                              temporary_ / "runs");
  std::vector<std::string> ids;
  for (const ServedFolder& folder : folders.all()) ids.push_back(folder.id);
  EXPECT_EQ(ids[0], "pets");
  EXPECT_EQ(ids[1], "pets-2");
  EXPECT_EQ(ids[2], "gr----e---mehr");
  ASSERT_EQ(ids.size(), 4);  // the same folder is served once
  EXPECT_THROW(folders.at("dogs"), http::RequestError);
}

TEST_F(ServedFoldersTest, MustBeThereAtTheStart) {
  EXPECT_EQ(thrown_message<core::DataError>([&] { ServedFolders({temporary_ / "dogs"}, temporary_ / "runs"); }),
            (temporary_ / "dogs").string() + ": there is no such folder");
  EXPECT_THROW(ServedFolders({temporary_ / "secret.txt"}, temporary_ / "runs"), core::DataError);
}

TEST_F(ServedFoldersTest, MayBeGoneLater) {
  const ServedFolders folders = served();
  fs::remove_all(temporary_ / "pets");
  EXPECT_EQ(refusal(folders, "cats/1.jpg"), 404);
}

TEST_F(ServedFoldersTest, FindRunsThatWereNotThereAtTheStart) {
  const ServedFolders folders = served();
  EXPECT_THROW(folders.inside_runs("first"), http::RequestError);
  write(temporary_ / "runs/first/config.json", "{}");
  EXPECT_EQ(folders.inside_runs("first"), fs::canonical(temporary_ / "runs/first"));
  EXPECT_THROW(folders.inside_runs("../secret.txt"), http::RequestError);
}

}  // namespace
}  // namespace margay::studio
