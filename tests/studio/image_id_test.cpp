#include "apps/studio/image_id.h"

#include <gtest/gtest.h>

#include "margay/http/target.h"

namespace margay::studio {
namespace {

TEST(ImageId, IsTheNameItselfForMostNames) {
  for (const char* name : {"cats/1.jpg", "Müßig/ネコ 2.png", "<b>/&amp;.gif", "a b+c?.jpg", "100#.jpg"}) {
    EXPECT_EQ(image_id(name), name);
    EXPECT_EQ(path_of_image_id(name), name);
  }
}

TEST(ImageId, WritesOutWhatAnAddressCannotHold) {
  EXPECT_EQ(image_id("100%.jpg"), "100%25.jpg");
  EXPECT_EQ(image_id("a\\b\n.jpg"), "a%5Cb%0A.jpg");
  EXPECT_EQ(image_id("caf\xE9/\x7F.jpg"), "caf%E9/%7F.jpg");
  for (const std::string name : {"100%.jpg", "a\\b\n.jpg", "caf\xE9/\x7F.jpg", "%41", "%"}) {
    EXPECT_EQ(path_of_image_id(image_id(name)).native(), name);
  }
}

TEST(ImageId, TellsNamesApartThatLookAlikeWhenWrittenOut) { EXPECT_NE(image_id("%0A"), image_id("\n")); }

TEST(ImageId, IsRefusedWhereItNamesNothing) {
  EXPECT_THROW(path_of_image_id(""), http::RequestError);
  EXPECT_THROW(path_of_image_id("a%4"), http::RequestError);
}

}  // namespace
}  // namespace margay::studio
