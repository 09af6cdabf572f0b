#include "margay/data/edits/labelled_folder.h"

#include <algorithm>
#include <csignal>
#include <random>
#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_scale.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using testing_support::file_content;
using testing_support::TemporaryFolder;
using testing_support::write;

TEST(LabelledFolder, MovesLooseImagesIntoTheirClassesAndBack) {
  const TemporaryFolder folder;
  write(folder / "1.jpg", "one");
  write(folder / "notes.txt", "no image");
  LabelledFolder labelled(folder.path());
  ASSERT_EQ(labelled.loose_images().size(), 1U);
  const LabelledImage image = labelled.add_file(folder / "1.jpg", "cat", {.who = "ann", .id = "a", .is_random = true});
  EXPECT_EQ(image.image, "cat/1.jpg");
  EXPECT_TRUE(image.is_moved);
  EXPECT_EQ(file_content(folder / "cat/1.jpg"), "one");
  EXPECT_EQ(labelled.loose_images().size(), 0U);
  EXPECT_EQ(labelled.add_file(folder / "1.jpg", "cat", {.id = "a"}).number, image.number);  // repeated
  EXPECT_FALSE(labelled.undo("bob").has_value());
  ASSERT_TRUE(labelled.undo("ann", "u").has_value());
  EXPECT_EQ(file_content(folder / "1.jpg"), "one");
  EXPECT_EQ(labelled.undo("ann", "u")->number, image.number);  // repeated
  LabelledFolder again(folder.path());
  ASSERT_EQ(again.images().size(), 1U);
  EXPECT_TRUE(again.images()[0].is_undone);
  EXPECT_TRUE(again.images()[0].is_random);
}

TEST(LabelledFolder, CopiesImagesOfOtherFoldersAndTakesBytes) {
  const TemporaryFolder folder;
  write(folder / "photos/1.jpg", "one");
  write(folder / "photos/sub/1.jpg", "two");
  LabelledFolder labelled(folder / "data");
  labelled.add_class("dog");
  EXPECT_EQ(labelled.add_file(folder / "photos/1.jpg", "cat").image, "cat/1.jpg");
  EXPECT_EQ(labelled.add_file(folder / "photos/sub/1.jpg", "cat").image, "cat/1-2.jpg");
  EXPECT_EQ(labelled.add_bytes("three", "1.jpg", "cat").image, "cat/1-3.jpg");
  EXPECT_EQ(file_content(folder / "photos/1.jpg"), "one");
  EXPECT_TRUE(labelled.was_copied(folder / "photos/1.jpg"));
  LabelledFolder again(folder / "data");
  EXPECT_TRUE(again.was_copied(folder / "photos/sub/1.jpg"));
  EXPECT_FALSE(again.was_copied(folder / "photos/2.jpg"));
  const std::vector<ClassFolder> classes = again.folders().classes();
  ASSERT_EQ(classes.size(), 2U);
  EXPECT_EQ(classes[0].images, 3U);
  EXPECT_EQ(classes[1].images, 0U);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(again.undo().has_value());
  EXPECT_FALSE(again.undo().has_value());
  EXPECT_EQ(file_content(folder / "data/.margay/trash/labelled/cat/1-3.jpg"), "three");
  EXPECT_FALSE(again.was_copied(folder / "photos/1.jpg"));
}

TEST(LabelledFolder, TwoProcessesSeeEachOther) {
  const TemporaryFolder folder;
  write(folder / "1.jpg", "one");
  LabelledFolder ann(folder.path());
  LabelledFolder bob(folder.path());
  ann.add_file(folder / "1.jpg", "cat");
  EXPECT_TRUE(bob.take_over());
  EXPECT_FALSE(bob.take_over());
  EXPECT_EQ(bob.images().size(), 1U);
  EXPECT_THROW(bob.add_file(folder / "1.jpg", "dog"), core::DataError);
}

TEST(LabelledFolder, AFullDiskLosesNothing) {
  const TemporaryFolder folder;
  write(folder / "1.jpg", "one");
  LabelledFolder labelled(folder.path());
  labelled.add_class("cat");
  {
    const testing_support::FileSizeLimit limit(10);
    EXPECT_THROW(labelled.add_file(folder / "1.jpg", "cat", {.id = "a"}), core::IoError);
  }
  EXPECT_EQ(file_content(folder / "1.jpg"), "one");
  EXPECT_EQ(labelled.add_file(folder / "1.jpg", "cat", {.id = "a"}).image, "cat/1.jpg");
}

TEST(LabelledFolder, RefusesNamesOfClassesAndLogsThatWereChanged) {
  const TemporaryFolder folder;
  LabelledFolder labelled(folder.path());
  for (const char* name : {"", "a/b", ".hidden", " cat", "cat ", "\xFF"}) {
    EXPECT_THROW(labelled.add_class(name), std::invalid_argument) << name;
  }
  write(folder / ".margay/labelled.jsonl", "{\"step\":\"add\"}\n");
  EXPECT_NE(testing_support::thrown_message<core::FormatError>([&] {
              LabelledFolder again(folder.path());
            }).find("line 1 cannot be read"),
            std::string::npos);
}

TEST(LabelledFolder, SaysSoWhenItsLogIsRemovedAndAnotherOneGoesOn) {
  const TemporaryFolder folder;
  write(folder / "1.jpg", "one");
  write(folder / "2.jpg", "two");
  LabelledFolder labelled(folder.path());
  labelled.add_file(folder / "1.jpg", "cat");
  EXPECT_FALSE(labelled.is_log_lost());
  fs::remove(folder / ".margay/labelled.jsonl");
  EXPECT_TRUE(labelled.is_log_lost());
  EXPECT_NE(testing_support::thrown_message<core::FormatError>([&] {
              labelled.add_file(folder / "2.jpg", "cat");
            }).find("was removed or cut"),
            std::string::npos);
  EXPECT_TRUE(fs::exists(folder / "2.jpg"));
  LabelledFolder anew(folder.path());
  EXPECT_EQ(anew.add_file(folder / "2.jpg", "cat").number, 1U);
  EXPECT_EQ(anew.folders().classes().at(0).images, 2U);
}

TEST(LabelledFolder, CompletesAMoveThatLeftTwoNamesOfOneFile) {
  const TemporaryFolder folder;
  write(folder / "1.jpg", "one");
  fs::create_directories(folder / "cat");
  fs::create_hard_link(folder / "1.jpg", folder / "cat/1.jpg");  // renaming in two steps, killed between them
  write(folder / ".margay/labelled.jsonl",
        R"({"step":"move","image":"cat/1.jpg","label":"cat","source":"1.jpg","moved":true})"
        "\n");
  LabelledFolder labelled(folder.path());
  EXPECT_TRUE(labelled.images().empty());  // looking changes nothing
  labelled.add_class("dog");
  ASSERT_EQ(labelled.images().size(), 1U);
  EXPECT_FALSE(fs::exists(folder / "1.jpg"));
  EXPECT_EQ(file_content(folder / "cat/1.jpg"), "one");
  EXPECT_TRUE(labelled.undo().has_value());
  EXPECT_EQ(file_content(folder / "1.jpg"), "one");
}

/// Labels images, undoes some, and says on the pipe what was confirmed, until it is killed.
[[noreturn]] void label_for_ever(const fs::path& folder, int pipe) {
  LabelledFolder labelled(folder);
  for (int i = static_cast<int>(labelled.images().size());; ++i) {
    const std::string name = fmt::format("{:05}.jpg", i);
    write(folder / name, name);
    labelled.add_file(folder / name, i % 2 == 0 ? "cat" : "dog");
    const std::string line = name + "\n";
    if (::write(pipe, line.data(), line.size()) < 0) ::_exit(1);
  }
}

TEST(LabelledFolder, AKillLosesNoImageAndNoConfirmedLabel) {
  const TemporaryFolder folder;
  std::mt19937 random(7);
  for (int kill = 0; kill < testing_support::scaled(3, 100); ++kill) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) label_for_ever(folder.path(), pipe[1]);
    ::close(pipe[1]);
    ::usleep(static_cast<useconds_t>(3000 + random() % 20000));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    std::string confirmed;
    char part[4096];
    for (ssize_t got = 0; (got = ::read(pipe[0], part, sizeof part)) > 0;)
      confirmed.append(part, static_cast<std::size_t>(got));
    ::close(pipe[0]);
    LabelledFolder labelled(folder.path());
    labelled.add_class("cat");  // completes what was interrupted
    std::size_t in_classes = 0;
    for (const ClassFolder& each : labelled.folders().classes()) in_classes += each.images;
    EXPECT_EQ(labelled.images().size(), in_classes);
    const auto lines = static_cast<std::size_t>(std::count(confirmed.begin(), confirmed.end(), '\n'));
    EXPECT_LE(lines, in_classes);
    for (const LabelledImage& image : labelled.images()) EXPECT_TRUE(fs::exists(folder / image.image)) << image.image;
  }
}

}  // namespace
}  // namespace margay::data
