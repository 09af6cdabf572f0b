#include "margay/data/edits/move_file.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

TEST(NumberedName, CountsBeforeTheLastExtension) {
  EXPECT_EQ(numbered_name("cats/a.b.jpg", 1), "cats/a.b.jpg");
  EXPECT_EQ(numbered_name("cats/a.b.jpg", 12), "cats/a.b-12.jpg");
  EXPECT_EQ(numbered_name("a.b/cat", 2), "a.b/cat-2");
}

TEST(IsTaken, SeesLinksThatLeadNowhere) {
  const testing_support::TemporaryFolder folder;
  std::filesystem::create_symlink(folder / "gone", folder / "link");
  EXPECT_TRUE(is_taken(folder / "link"));
  EXPECT_FALSE(is_taken(folder / "gone"));
}

}  // namespace
}  // namespace margay::data
