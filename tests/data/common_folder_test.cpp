#include "margay/data/common_folder.h"

#include <gtest/gtest.h>

namespace margay::data {
namespace {

TEST(CommonFolder, IsTheDeepestThatHoldsAll) {
  EXPECT_EQ(common_folder(PathList{"pets/cat/1.jpg"}), "pets/cat");
  EXPECT_EQ(common_folder(PathList{"pets/cat/1.jpg", "pets/cat/2.jpg"}), "pets/cat");
  EXPECT_EQ(common_folder(PathList{"pets/cat/1.jpg", "pets/dog/1.jpg"}), "pets");
  EXPECT_EQ(common_folder(PathList{"pets/a/b/1.jpg", "pets/2.jpg"}), "pets");
}

TEST(CommonFolder, IsNotOneWhoseNameBeginsAlike) {
  EXPECT_EQ(common_folder(PathList{"pets/cat/1.jpg", "pets/cats/1.jpg"}), "pets");
}

TEST(CommonFolder, MayBeTheRootOrNone) {
  EXPECT_EQ(common_folder(PathList{"/a/1.jpg", "/b/1.jpg"}), "/");
  EXPECT_EQ(common_folder(PathList{"a/1.jpg", "b/1.jpg"}), "");
  EXPECT_EQ(common_folder(PathList{"1.jpg", "a/1.jpg"}), "");
  EXPECT_EQ(common_folder(PathList{}), "");
}

}  // namespace
}  // namespace margay::data
