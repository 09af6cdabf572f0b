#include "margay/data/source/left_out.h"

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/source/image_files.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using enum LeftOutKind;
using testing_support::TemporaryFolder;
using testing_support::write;

TEST(LeftOut, CountsEachKindAndNamesThree) {
  LeftOut left_out;
  EXPECT_TRUE(left_out.empty());
  EXPECT_TRUE(left_out.sentences().empty());
  for (const char* name : {"a.txt", "b.txt", "c.txt", "d.txt"}) left_out.add(kOtherFile, name);
  left_out.add(kSystem, "lost+found");
  left_out.add(kLooseImage, "x.jpg");
  EXPECT_EQ(left_out.count(kOtherFile), 4);
  EXPECT_EQ(
      left_out.sentences(),
      (std::vector<std::string>{
          "left out 1 image that lies beside the class folders: 'x.jpg'; move them into the folder of a class, or "
          "say with `label_regex` or `labels_csv` what they are",
          "left out 4 files that are no images ('a.txt', 'b.txt', 'c.txt' and 1 more), 1 system file or folder "
          "('lost+found')"}));
}

TEST(LeftOut, IsSilentOfDocuments) {
  LeftOut left_out;
  left_out.add(LeftOutKind::kDocument, "README.txt");
  EXPECT_EQ(left_out.sentences(), std::vector<std::string>());
  EXPECT_EQ(left_out.count(LeftOutKind::kDocument), 1U);
}

TEST(ImageSearch, IsSilentOfTheFolderOfDecisions) {
  const TemporaryFolder folder;
  for (const char* name : {"cat/1.jpg", ".margay/decisions.jsonl", ".margay/trash/0001/cat/2.jpg"})
    write(folder / name, "x");
  const ImageSearch search = search_images(folder.path());
  EXPECT_EQ(search.images, (PathList{folder / "cat/1.jpg"}));
  EXPECT_EQ(search.left_out.count(kDecisions), 1U);
  EXPECT_EQ(search.left_out.sentences(), std::vector<std::string>());
}

TEST(LeftOut, KnowsWhetherImagesAreAmongIt) {
  LeftOut left_out;
  left_out.add(kOtherFile, "a.txt");
  EXPECT_FALSE(left_out.holds_images());
  left_out.add(kHiddenImage, ".a.jpg");
  EXPECT_TRUE(left_out.holds_images());
}

TEST(LeftOutByName, KnowsFoldersOfSystems) {
  for (const char* name : {"lost+found",   "System Volume Information",
                           "$RECYCLE.BIN", "RECYCLER",
                           "FOUND.000",    "LOST.DIR",
                           "@eaDir",       "@tmp",
                           "#recycle",     "#snapshot",
                           "@Recycle",     "__MACOSX",
                           "__pycache__",  ".Trash-1000",
                           ".Trashes",     ".@__thumb",
                           ".thumbnails",  ".ipynb_checkpoints",
                           ".git",         ".Spotlight-V100",
                           ".fseventsd"})
    EXPECT_EQ(left_out_by_name(name, EntryKind::kFolder), kSystem) << name;
  for (const char* name : {"cat", "recycled", "trash", "found", "found.0000", "thumbnails", "images", "#1", "@home"})
    EXPECT_EQ(left_out_by_name(name, EntryKind::kFolder), std::nullopt) << name;
  EXPECT_EQ(left_out_by_name(".NET", EntryKind::kFolder), kHidden) << "perhaps a class";
}

TEST(LeftOutByName, KnowsFilesOfSystems) {
  for (const char* name : {"Thumbs.db", "ehthumbs.db", "desktop.ini", "Desktop.ini", ".DS_Store", "._a.jpg", "Icon\r",
                           ".nomedia", ".directory", "Picasa.ini", ".gitkeep", ".nfs000012"})
    EXPECT_EQ(left_out_by_name(name, EntryKind::kFile), kSystem) << name;
  EXPECT_EQ(left_out_by_name(".a.jpg", EntryKind::kFile), kHiddenImage);
  EXPECT_EQ(left_out_by_name(".settings", EntryKind::kFile), kHidden);
  EXPECT_EQ(left_out_by_name("lost+found", EntryKind::kFile), std::nullopt) << "a file is none of a disk's folders";
  EXPECT_EQ(left_out_by_name("a.jpg", EntryKind::kFile), std::nullopt);
}

TEST(ImageSearch, LeavesOutWhatSystemsLeftAndSaysSo) {
  const TemporaryFolder folder;
  for (const char* name :
       {"cat/1.jpg", "cat/._1.jpg", "cat/.DS_Store", "cat/Thumbs.db", "cat/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
        "__MACOSX/cat/._1.jpg", "__MACOSX/cat/2.jpg", "dog/.ipynb_checkpoints/1-checkpoint.jpg", "dog/2.jpg",
        ".Trash-1000/files/3.jpg", "$RECYCLE.BIN/4.jpg", "#recycle/5.jpg", ".git/6.jpg"})
    write(folder / name, "x");
  const ImageSearch search = search_images(folder.path());
  EXPECT_EQ(search.images, (PathList{folder / "cat/1.jpg", folder / "dog/2.jpg"}));
  EXPECT_EQ(search.left_out.count(kSystem), 10);
  EXPECT_FALSE(search.left_out.holds_images());
}

TEST(ImageSearch, NeedsNoAccessToLostAndFound) {
  const TemporaryFolder folder;
  write(folder / "pics/cat/1.jpg", "x");
  write(folder / "pics/lost+found/2.jpg", "x");
  const testing_support::ClosedFolder closed(folder.path(), folder / "pics/lost+found");
  const testing_support::OrdinaryUser nobody;
  EXPECT_EQ(image_files(folder / "pics"), (PathList{folder / "pics/cat/1.jpg"}));
  EXPECT_EQ(search_images(folder / "pics").left_out.count(kSystem), 1);
}

TEST(ImageSearch, CountsOtherFilesHiddenImagesAndFoldersWithoutAny) {
  const TemporaryFolder folder;
  for (const char* name :
       {"cat/1.jpg", "cat/notes.txt", "README.txt", "labels/cat/1.txt", "more.zip", ".NET/2.jpg", "cat/.3.jpg"})
    write(folder / name, "x");
  fs::create_directories(folder / "dog/puppy");
  const ImageSearch search = search_images(folder.path());
  EXPECT_EQ(search.left_out.count(kDocument), 3);
  EXPECT_EQ(search.left_out.count(kOtherFile), 1);
  EXPECT_EQ(search.left_out.count(kHidden), 1);
  EXPECT_EQ(search.left_out.count(kHiddenImage), 1);
  EXPECT_EQ(search.left_out.count(kEmptyFolder), 2);
  EXPECT_EQ(search.empty_folders, (PathList{folder / "dog", folder / "labels"}));
}

TEST(ImageSearch, TellsOfFoldersThatAreReadByAnotherPath) {
  const TemporaryFolder folder;
  write(folder / "cat/1.jpg", "x");
  fs::create_directory_symlink(folder / "cat", folder / "kitten");
  const ImageSearch search = search_images(folder.path());
  EXPECT_EQ(search.images.size(), 1);
  EXPECT_EQ(search.left_out.count(kSecondLink), 1);
}

TEST(ImageSearch, TakesNoChartOfARun) {
  const TemporaryFolder folder;
  for (const char* name : {"cat/1.jpg", "runs/1-model/losses.png", "runs/1-model/config.json", "runs/1-model/run.json"})
    write(folder / name, "x");
  const ImageSearch search = search_images(folder.path());
  EXPECT_EQ(search.images, (PathList{folder / "cat/1.jpg"}));
  EXPECT_EQ(search.left_out.count(kRun), 1);
  EXPECT_EQ(search_images(folder / "runs/1-model").images.size(), 1) << "the folder that is asked for is read";
}

TEST(ImageSearch, SaysWhatElseAFolderWithoutImagesHolds) {
  const TemporaryFolder folder;
  write(folder / ".a.jpg", "x");
  try {
    search_images(folder.path());
    FAIL();
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()).find("left out 1 hidden image"), std::string::npos) << error.what();
  }
}

TEST(ImageSearch, NamesImagesOfFormatsThatAreNotRead) {
  const TemporaryFolder folder;
  const std::string tiff("II*\0", 4);
  for (const char* name : {"cat/1.jxl", "cat/2.JP2", "cat/3.svg", "cat/4.psd"}) write(folder / name, "x");
  for (const char* name : {"cat/5.nef", "cat/6.DNG", "cat/7.arw", "cat/8.cr2"}) write(folder / name, tiff);
  write(folder / "cat/no_extension", "\xFF\x0A of JPEG XL");
  write(folder / "cat/drawing.xyz", "<?xml version='1.0'?><svg>");
  write(folder / "cat/1.jpg", "x");
  write(folder / "cat/real.tif", tiff);
  write(folder / "cat/really_a_png.raw", "\x89PNG\r\n\x1A\n");
  write(folder / "cat/empty", "");
  const ImageSearch search = search_images(folder.path());
  EXPECT_EQ(search.left_out.count(kUnreadImage), 10);
  EXPECT_EQ(search.left_out.count(kOtherFile), 1) << "a file without a byte and without a name of images";
  EXPECT_TRUE(search.left_out.holds_images());
  EXPECT_EQ(search.images, (PathList{folder / "cat/1.jpg", folder / "cat/real.tif", folder / "cat/really_a_png.raw"}));
  EXPECT_NE(search.left_out.sentences().front().find("left out 10 images of formats that are not read"),
            std::string::npos);
}

TEST(ImageSearch, TakesHeicAndAvifByNameAndByContent) {
  const TemporaryFolder folder;
  for (const char* name : {"1.heic", "2.HEIF", "3.hif", "4.avif"}) write(folder / name, "x");
  write(folder / "5", std::string("\0\0\0\x18", 4) + "ftypheic");
  EXPECT_EQ(search_images(folder.path()).images.size(), 5);
}

TEST(ImageSearch, NamesLinksThatLeadNowhere) {
  const TemporaryFolder folder;
  write(folder / "cat/1.jpg", "x");
  for (const char* name : {"2.jpg", "3.heic", "no_extension"}) {
    fs::create_symlink(".git/annex/objects/gone", folder / "cat" / name);
  }
  fs::create_symlink("4.jpg", folder / "cat/4.jpg");  // leads to itself
  fs::create_symlink("gone", folder / "cat/notes.txt");
  fs::create_directory(folder / "dog");
  fs::create_symlink("gone.jpg", folder / "dog/5.jpg");
  const ImageSearch search = search_images(folder.path());
  EXPECT_EQ(search.images, (PathList{folder / "cat/1.jpg"}));
  EXPECT_EQ(search.left_out.count(kDanglingLink), 5);
  EXPECT_EQ(search.left_out.count(kDocument), 1);
  EXPECT_EQ(search.left_out.count(kEmptyFolder), 1) << "the class dog has no image any more";
  EXPECT_TRUE(search.left_out.holds_images());
}

TEST(ImageSearch, NamesFilesThatMayNotBeReadAndMayBeImages) {
  const TemporaryFolder folder;
  for (const char* name : {"pics/1.jpg", "pics/closed", "pics/closed.jpg", "pics/closed.txt"})
    write(folder / name, "x");
  fs::permissions(folder.path(), fs::perms::all);
  for (const char* name : {"pics/closed", "pics/closed.jpg", "pics/closed.txt"}) {
    fs::permissions(folder / name, fs::perms::none);
  }
  const testing_support::OrdinaryUser nobody;
  const ImageSearch search = search_images(folder / "pics");
  EXPECT_EQ(search.left_out.count(kClosedFile), 1);
  EXPECT_EQ(search.images, (PathList{folder / "pics/1.jpg", folder / "pics/closed.jpg"})) << "reading it will say why";
}

TEST(ImageSearch, SaysWhatThereIsWhereNoImageIsUsable) {
  const TemporaryFolder folder;
  write(folder / "cat/1.jxl", "x");
  fs::create_symlink("gone", folder / "cat/2.jpg");
  const std::string problem = testing_support::thrown_message<core::DataError>([&] { search_images(folder.path()); });
  EXPECT_NE(problem.find("1 image of a format that is not read"), std::string::npos) << problem;
  EXPECT_NE(problem.find("1 link to a file that is missing"), std::string::npos) << problem;
}

}  // namespace
}  // namespace margay::data
