#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/source/image_files.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::write;

TEST(ImageFiles, AreFoundAtAnyDepthInNaturalOrder) {
  const TemporaryFolder folder;
  for (const char* name : {"b/10.jpg", "b/2.JPG", "a.png", "notes.txt", ".hidden.jpg", ".git/x.jpg"})
    write(folder / name, "x");
  write(folder / "nameless", "\xFF\xD8\xFF\xE0 JFIF");
  EXPECT_EQ(image_files(folder.path()),
            (PathList{folder / "a.png", folder / "b/2.JPG", folder / "b/10.jpg", folder / "nameless"}));
}

TEST(ImageFiles, SayWhatIsWrongWithTheFolder) {
  const TemporaryFolder folder;
  EXPECT_NE(thrown_message<core::DataError>([&] { image_files(folder / "absent"); }).find("no such folder"),
            std::string::npos);
  EXPECT_NE(thrown_message<core::DataError>([&] { image_files(folder.path()); }).find("no images"), std::string::npos);
  write(folder / "a.txt", "x");
  EXPECT_NE(thrown_message<core::DataError>([&] { image_files(folder / "a.txt"); }).find("found a file"),
            std::string::npos);
}

TEST(ImageFiles, LookIntoFilesOfOtherNamesButNotIntoNotes) {
  const TemporaryFolder folder;
  write(folder / "a.download", "\xFF\xD8\xFF\xE0 JFIF");
  write(folder / "a.txt", "\xFF\xD8\xFF\xE0 JFIF");
  EXPECT_EQ(image_files(folder.path()), (PathList{folder / "a.download"}));
}

TEST(ImageFiles, FollowLinksToFilesAndFolders) {
  const TemporaryFolder folder;
  write(folder / "pics/a.jpg", "x");
  write(folder / "elsewhere/fox/f.jpg", "x");
  fs::create_symlink(folder / "pics/a.jpg", folder / "pics/b.jpg");
  fs::create_symlink(folder / "elsewhere/fox", folder / "pics/fox");
  fs::create_symlink(folder / "gone", folder / "pics/c.jpg");
  EXPECT_EQ(image_files(folder / "pics"),
            (PathList{folder / "pics/a.jpg", folder / "pics/b.jpg", folder / "pics/fox/f.jpg"}));
}

TEST(ImageFiles, TakeEachFolderOnceSoThatLoopsOfLinksEnd) {
  const TemporaryFolder folder;
  write(folder / "pics/cat/a.jpg", "x");
  write(folder / "elsewhere/b.jpg", "x");
  fs::create_symlink(folder / "pics", folder / "pics/again");
  fs::create_symlink(folder / "pics/cat", folder / "pics/aaa");  // the folder's own path wins, whatever its name
  fs::create_symlink(folder / "elsewhere", folder / "pics/y");
  fs::create_symlink(folder / "elsewhere", folder / "pics/x");
  fs::create_symlink(folder / "elsewhere", folder / "elsewhere/self");
  EXPECT_EQ(image_files(folder / "pics"), (PathList{folder / "pics/cat/a.jpg", folder / "pics/x/b.jpg"}));
}

TEST(ImageFiles, NameAFolderThatMayNotBeRead) {
  const TemporaryFolder folder;
  write(folder / "pics/cat/a.jpg", "x");
  write(folder / "pics/dog/b.jpg", "x");
  const testing_support::ClosedFolder closed(folder.path(), folder / "pics/dog");
  const testing_support::OrdinaryUser nobody;
  EXPECT_EQ(thrown_message<core::DataError>([&] { image_files(folder / "pics"); }),
            (folder / "pics/dog").string() + ": the folder may not be read; allow it, or remove the folder");
  EXPECT_EQ(search_images(folder / "pics").images.size(), 1);
  EXPECT_EQ(search_images(folder / "pics").closed.at(0).path, folder / "pics/dog");
}

TEST(ImageFiles, SayHowFarTheirFolderExists) {
  const TemporaryFolder folder;
  write(folder / "images/a.jpg", "x");
  const std::string here = folder.path().string();
  const auto message = [&](const char* name) {
    return thrown_message<core::DataError>([&] { image_files(folder / name); });
  };
  EXPECT_EQ(message("imagse/sub"),
            here + "/imagse/sub: there is no such folder; '" + here + "' holds no 'imagse'; did you mean 'images'?");
  EXPECT_EQ(message("zoo"), here + "/zoo: there is no such folder; '" + here + "' holds 'images'");
  EXPECT_EQ(message("images/a.jpg/b"),
            here + "/images/a.jpg/b: there is no such folder; '" + here + "/images/a.jpg' is a file, not a folder");
}

}  // namespace

}  // namespace margay::data
