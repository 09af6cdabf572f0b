#include "margay/data/edits/data_marks.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/support/edited_data.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using testing_support::TemporaryFolder;

TEST(DataMarks, FindTheirImagesInAMovedFolder) {
  const TemporaryFolder folder;
  testing_support::write_cats_and_dogs(folder / "a");
  testing_support::write(folder / "b/cat/0.jpg", "other bytes");
  const DataMarks marks = DataMarks::of(image_files(folder / "a"));
  EXPECT_EQ(marks.images, 6U);
  EXPECT_EQ(marks.marks.size(), 6U);
  fs::rename(folder / "a", folder / "moved");
  EXPECT_EQ(marks.count_in(image_files(folder / "moved")), 6U);
  EXPECT_EQ(marks.count_in(image_files(folder / "b")), 0U);
}

}  // namespace
}  // namespace margay::data
