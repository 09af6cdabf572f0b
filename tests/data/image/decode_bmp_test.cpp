// The two formats that Margay reads itself, with files made by hand.
#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/image/decode_bmp.h"
#include "margay/data/image/read_image.h"
#include "tests/support/image_samples.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

using testing_support::append;
using testing_support::FileBytes;
using testing_support::image_sample;

struct Bmp {
  int width = 2;
  int height = 1;  ///< negative: from the top
  int bits = 24;
  int coding = 0;
  FileBytes behind_header;  ///< masks and colours
  FileBytes pixels;
  int header = 40;
};

FileBytes file_of(const Bmp& bmp) {
  FileBytes file;
  append(file, "BM");
  append(file, 0, 8);
  append(file, 14 + static_cast<std::uint64_t>(bmp.header) + bmp.behind_header.size(), 4);
  append(file, static_cast<std::uint64_t>(bmp.header), 4);
  const int side_bytes = bmp.header == 12 ? 2 : 4;
  append(file, static_cast<std::uint32_t>(bmp.width), side_bytes);
  append(file, static_cast<std::uint32_t>(bmp.height), side_bytes);
  append(file, 1, 2);
  append(file, static_cast<std::uint64_t>(bmp.bits), 2);
  if (bmp.header > 12) append(file, static_cast<std::uint64_t>(bmp.coding), 4);
  file.resize(14 + std::min<std::size_t>(static_cast<std::size_t>(bmp.header), 40));
  file.insert(file.end(), bmp.behind_header.begin(), bmp.behind_header.end());
  file.insert(file.end(), bmp.pixels.begin(), bmp.pixels.end());
  return file;
}

using Pixels = std::vector<std::uint8_t>;

Pixels pixels_of(const Bmp& bmp) { return decode_image(file_of(bmp), "x.bmp").pixels; }
Pixels text_pixels(const std::string& text) {
  return decode_image(FileBytes(text.begin(), text.end()), "x.pnm").pixels;
}

const FileBytes kRedAndBlue = {0, 0, 255, 0, 255, 0, 0, 0};  // colours are stored as BGR0

TEST(ReadBmp, StartsAtTheBottomUnlessTheHeightIsNegative) {
  const FileBytes rows = {1, 2, 3, 0, 4, 5, 6, 0};  // one pixel and a byte of padding each
  EXPECT_EQ(pixels_of({.width = 1, .height = 2, .pixels = rows}), (Pixels{6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(pixels_of({.width = 1, .height = -2, .pixels = rows}), (Pixels{3, 2, 1, 6, 5, 4}));
}

TEST(ReadBmp, TakesIndicesFromTheHighestBitsDown) {
  const Pixels red_blue_red = {255, 0, 0, 0, 0, 255, 255, 0, 0};
  EXPECT_EQ(pixels_of({.width = 3, .bits = 1, .behind_header = kRedAndBlue, .pixels = {0x40, 0, 0, 0}}), red_blue_red);
  EXPECT_EQ(pixels_of({.width = 3, .bits = 2, .behind_header = kRedAndBlue, .pixels = {0x10, 0, 0, 0}}), red_blue_red);
  EXPECT_EQ(pixels_of({.width = 3, .bits = 4, .behind_header = kRedAndBlue, .pixels = {0x01, 0, 0, 0}}), red_blue_red);
  EXPECT_EQ(pixels_of({.width = 3, .bits = 8, .behind_header = kRedAndBlue, .pixels = {0, 1, 0, 0}}), red_blue_red);
}

TEST(ReadBmp, PaintsIndicesOutsideThePaletteBlack) {
  EXPECT_EQ(pixels_of({.bits = 8, .behind_header = kRedAndBlue, .pixels = {7, 1, 0, 0}}), (Pixels{0, 0, 0, 0, 0, 255}));
}

TEST(ReadBmp, KnowsTheOldHeaderOfOs2) {
  EXPECT_EQ(pixels_of({.pixels = {1, 2, 3, 4, 5, 6, 0, 0}, .header = 12}), (Pixels{3, 2, 1, 6, 5, 4}));
  const FileBytes colors = {0, 0, 255, 255, 0, 0};  // three bytes each
  EXPECT_EQ(pixels_of({.bits = 1, .behind_header = colors, .pixels = {0x40, 0, 0, 0}, .header = 12}),
            (Pixels{255, 0, 0, 0, 0, 255}));
}

TEST(ReadBmp, SpreadsFiveBitsOverTheWholeRange) {
  const Pixels red_and_grey = {255, 0, 0, 132, 132, 132};  // 16 of 31 is 131.6
  EXPECT_EQ(pixels_of({.bits = 16, .pixels = {0x00, 0x7C, 0x10, 0x42}}), red_and_grey);
}

TEST(ReadBmp, IgnoresTheFourthByteWhereNoMaskNamesIt) {
  EXPECT_EQ(pixels_of({.bits = 32, .pixels = {1, 2, 3, 0, 4, 5, 6, 9}}), (Pixels{3, 2, 1, 6, 5, 4}));
}

TEST(ReadBmp, FindsColoursByTheirMasks) {
  Bmp bmp = {.width = 1, .bits = 32, .coding = 3, .pixels = {3, 2, 1, 77}};
  for (const std::uint32_t mask : {0xFFU, 0xFF00U, 0xFF0000U}) append(bmp.behind_header, mask, 4);
  EXPECT_EQ(pixels_of(bmp), (Pixels{3, 2, 1}));
}

TEST(ReadBmp, LaysAlphaOverWhiteUnlessItIsZeroEverywhere) {
  Bmp bmp = {.bits = 32, .coding = 6, .pixels = {0, 0, 0, 255, 0, 0, 0, 0}};
  for (const std::uint32_t mask : {0xFF0000U, 0xFF00U, 0xFFU, 0xFF000000U}) append(bmp.behind_header, mask, 4);
  EXPECT_EQ(pixels_of(bmp), (Pixels{0, 0, 0, 255, 255, 255}));
  bmp.pixels[3] = 0;
  EXPECT_EQ(pixels_of(bmp), (Pixels{0, 0, 0, 0, 0, 0})) << "written by a program that knows no alpha";
}

TEST(BmpField, KeepsTheHighestEightBits) {
  EXPECT_EQ(BmpField(0x3FF).value(0x3FF), 255);
  EXPECT_EQ(BmpField(0x3FF).value(0x200), 128);
  EXPECT_EQ(BmpField(0x80000001).value(~0U), 255) << "a mask with a hole";
  EXPECT_EQ(BmpField(~0U).value(~0U), 255);
  EXPECT_EQ(BmpField(1).value(1), 255);
  EXPECT_EQ(BmpField(0).value(~0U), 0);
}

TEST(ReadBmp, UnpacksRunsOfEightBits) {
  Bmp bmp = {.width = 4, .height = 2, .bits = 8, .coding = 1, .behind_header = kRedAndBlue};
  bmp.pixels = {2, 1, 0, 0,        // two blue, the rest stays red
                0, 3, 1, 0, 1, 0,  // as they are: blue red blue, padded
                0, 1};             // the end
  const Pixels top = {0, 0, 255, 255, 0, 0, 0, 0, 255, 255, 0, 0};
  const Pixels bottom = {0, 0, 255, 0, 0, 255, 255, 0, 0, 255, 0, 0};
  Pixels both = top;
  both.insert(both.end(), bottom.begin(), bottom.end());
  EXPECT_EQ(pixels_of(bmp), both);
}

TEST(ReadBmp, UnpacksRunsOfFourBitsAndMoves) {
  Bmp bmp = {.width = 4, .bits = 4, .coding = 2, .behind_header = kRedAndBlue};
  bmp.pixels = {3, 0x10, 0, 1};
  EXPECT_EQ(pixels_of(bmp), (Pixels{0, 0, 255, 255, 0, 0, 0, 0, 255, 255, 0, 0}));
  bmp.pixels = {0, 2, 3, 0, 1, 0x10, 0, 1};  // three to the right
  EXPECT_EQ(pixels_of(bmp), (Pixels{255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 255}));
  bmp.pixels = {0, 3, 0x10, 0x10, 0, 1};
  EXPECT_EQ(pixels_of(bmp), (Pixels{0, 0, 255, 255, 0, 0, 0, 0, 255, 255, 0, 0}));
}

TEST(ReadBmp, StopsRunsAtTheEdge) {
  Bmp bmp = {.bits = 8, .coding = 1, .behind_header = kRedAndBlue};
  bmp.pixels = {255, 1, 0, 2, 255, 255, 9, 1, 0, 1};
  EXPECT_EQ(pixels_of(bmp), (Pixels{0, 0, 255, 0, 0, 255}));
}

TEST(ReadBmp, UnpacksRunsToWhatWasPacked) {
  EXPECT_EQ(decode_image(image_sample("rle8.bmp"), "a").pixels, decode_image(image_sample("palette8.bmp"), "b").pixels);
}

TEST(ReadBmp, SaysWhichKindItDoesNotRead) {
  const auto complaint = [](const Bmp& bmp) {
    return testing_support::thrown_message<core::DataError>([&] { pixels_of(bmp); });
  };
  EXPECT_NE(complaint({.bits = 0, .coding = 4}).find("a BMP of compression 4 with 0 bits"), std::string::npos);
  EXPECT_NE(complaint({.bits = 24, .coding = 3}).find("a BMP of compression 3 with 24 bits"), std::string::npos);
  EXPECT_NE(complaint({.bits = 30000}).find("with 30000 bits per pixel"), std::string::npos);
  EXPECT_NE(complaint({.header = 66}).find("a BMP with a header of 66 bytes"), std::string::npos);
}

TEST(ReadPnm, ReadsAllSixKinds) {
  const Pixels black_white = {0, 0, 0, 255, 255, 255};
  EXPECT_EQ(text_pixels("P1 2 1 10"), black_white) << "1 is black, and digits may touch";
  EXPECT_EQ(text_pixels("P2 2 1 9 0 9"), black_white);
  EXPECT_EQ(text_pixels("P3 1 1 255 1 2 3"), (Pixels{1, 2, 3}));
  EXPECT_EQ(text_pixels(std::string("P4 2 1\n\x80")), black_white);
  EXPECT_EQ(text_pixels(std::string("P5 2 1 255\n\0\xFF", 13)), black_white);
  EXPECT_EQ(text_pixels(std::string("P6 1 1 255\n\x01\x02\x03")), (Pixels{1, 2, 3}));
}

TEST(ReadPnm, SkipsCommentsAndTakesOneSpaceBeforeBytes) {
  EXPECT_EQ(text_pixels("P2 # a\n#b\n1 # c 7\n1 255 # d\n 9"), (Pixels{9, 9, 9}));
  EXPECT_EQ(text_pixels("P5 1 1 255\n "), (Pixels{' ', ' ', ' '}));
}

TEST(ReadPnm, ScalesEveryDepthToEightBits) {
  EXPECT_EQ(text_pixels("P2 3 1 3 0 1 3"), (Pixels{0, 0, 0, 85, 85, 85, 255, 255, 255}));
  EXPECT_EQ(text_pixels(std::string("P5 1 1 65535\n\x80\x00", 15)), (Pixels{128, 128, 128})) << "high byte first";
  EXPECT_EQ(text_pixels("P2 1 1 100 200"), (Pixels{255, 255, 255})) << "above the largest";
}

TEST(ReadPnm, SaysWhatIsWrong) {
  const auto complaint = [](const std::string& text) {
    return testing_support::thrown_message<core::DataError>([&] { text_pixels(text); });
  };
  EXPECT_NE(complaint("P5 -5 7 255\n").find("gives no width"), std::string::npos);
  EXPECT_NE(complaint("P5 5").find("gives no height"), std::string::npos);
  EXPECT_NE(complaint("P5 1 1 70000\nxx").find("largest sample is 70000"), std::string::npos);
  EXPECT_NE(complaint("P2 2 1 9 1 x x").find("something else stands where a number should"), std::string::npos);
  EXPECT_NE(complaint("P5 0 1 255\n").find("claims a size of 0x1"), std::string::npos);
}

}  // namespace

}  // namespace margay::data
