#include "margay/data/image/exif.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/images.h"

namespace margay::data {
namespace {

using namespace std::string_literals;
using testing_support::noise_image;

int orientation_of(const std::string& exif) {
  const std::vector<std::uint8_t> bytes(exif.begin(), exif.end());
  return exif_orientation(bytes);
}

/// Big-endian: one directory entry, tag 0x0112, type SHORT.
std::string big_endian(char orientation) {
  return "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"s + orientation + "\0\0"s;
}

TEST(ExifOrientation, ReadsBothByteOrdersWithAndWithoutPrefix) {
  EXPECT_EQ(orientation_of(big_endian(6)), 6);
  EXPECT_EQ(orientation_of("Exif\0\0"s + big_endian(3)), 3);
  EXPECT_EQ(orientation_of("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0"s), 8);
  EXPECT_EQ(orientation_of("II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x07\0\0\0"s), 7) << "type LONG";
}

TEST(ExifOrientation, IsUprightForNonsense) {
  EXPECT_EQ(orientation_of(""), 1);
  EXPECT_EQ(orientation_of("Exif\0\0"s), 1);
  EXPECT_EQ(orientation_of("hello, this is no EXIF"), 1);
  EXPECT_EQ(orientation_of(big_endian(0)), 1);
  EXPECT_EQ(orientation_of(big_endian(9)), 1);
  EXPECT_EQ(orientation_of("MM\0*\xFF\xFF\xFF\xFF"s), 1) << "a directory outside the file";
  EXPECT_EQ(orientation_of("MM\0*\0\0\0\x08\xFF\xFF"s), 1) << "65535 entries of which none is there";
}

TEST(ExifOrientation, SurvivesEveryCut) {
  const std::string whole = "Exif\0\0"s + big_endian(6);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const int orientation = orientation_of(whole.substr(0, size));
    EXPECT_TRUE(orientation == 1 || orientation == 6) << size;
  }
}

TEST(TurnUpright, TwoMirrorsOrFourQuartersGiveTheSameImageBack) {
  const core::Image image = noise_image(5, 7);
  for (const int mirror : {2, 3, 4, 5, 7}) {
    EXPECT_EQ(turn_upright(turn_upright(image, mirror), mirror).pixels, image.pixels) << mirror;
  }
  EXPECT_EQ(turn_upright(turn_upright(image, 6), 8).pixels, image.pixels);
  core::Image turned = image;
  for (int i = 0; i < 4; ++i) turned = turn_upright(std::move(turned), 6);
  EXPECT_EQ(turned.pixels, image.pixels);
}

TEST(TurnUpright, TurnsAQuarterClockwiseForSix) {
  core::Image image(2, 3);
  for (int i = 0; i < 6; ++i) image.pixels[static_cast<std::size_t>(3 * i)] = static_cast<std::uint8_t>(i);
  const core::Image turned = turn_upright(image, 6);  // 0 1 2 / 3 4 5 -> 3 0 / 4 1 / 5 2
  ASSERT_EQ(turned.height, 3);
  const std::vector<int> expected = {3, 0, 4, 1, 5, 2};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(turned.pixels[3 * i], expected[i]) << i;
}

}  // namespace
}  // namespace margay::data
