#include "margay/data/dataset_digest.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

TEST(DatasetDigest, IsTheSameWhereverTheFolderLies) {
  const testing_support::TemporaryFolder folder;
  testing_support::write_tiny_images(folder / "a", 3, 2);
  std::filesystem::copy(folder / "a", folder / "b", std::filesystem::copy_options::recursive);
  const auto digest = [&](const char* name) {
    return dataset_digest(*testing_support::tiny_block(folder / name).datasets().train, folder / name);
  };
  const std::string before = digest("a");
  EXPECT_EQ(before.substr(0, 9), "6 images ");
  EXPECT_EQ(digest("b"), before);
  std::filesystem::rename(folder / "b/train/flat/0.png", folder / "b/train/flat/9.png");
  EXPECT_NE(digest("b"), before) << "a name";
  std::filesystem::rename(folder / "b/train/flat/9.png", folder / "b/train/flat/0.png");
  std::filesystem::rename(folder / "b/train/flat", folder / "b/train/smooth");
  std::filesystem::rename(folder / "b/valid/flat", folder / "b/valid/smooth");
  EXPECT_NE(digest("b"), before) << "a label";
}

}  // namespace
}  // namespace margay::data
