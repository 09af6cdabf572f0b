#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/image/codec.h"
#include "margay/data/image/read_image.h"
#include "tests/support/image_samples.h"

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

using testing_support::append;
using testing_support::FileBytes;
using testing_support::image_sample;

struct TiffSample {
  int bits = 8;
  int photometric = 2;     ///< 1 grey, 2 RGB
  int samples = 4;         ///< of a pixel
  int extra = -1;          ///< what the last one is: 0 nobody says, 1 premultiplied, 2 straight alpha; -1: no such tag
  std::uint8_t value = 0;  ///< of every colour
  std::uint8_t alpha = 0;  ///< of the last sample
};

/// A little-endian TIFF of one pixel.
FileBytes tiff_of(const TiffSample& sample) {
  const int tags = sample.extra < 0 ? 8 : 9;
  const std::uint64_t pixels_at = 8 + 2 + 12 * static_cast<std::uint64_t>(tags) + 4;
  const auto pixel_bytes = static_cast<std::uint64_t>(sample.samples * sample.bits / 8);
  const std::uint64_t bits_at = pixels_at + pixel_bytes;
  FileBytes file;
  append(file, std::string("II*\0\x08\0\0\0", 8));
  append(file, static_cast<std::uint64_t>(tags), 2);
  const auto tag = [&](int name, int type, int count, std::uint64_t value) {
    append(file, static_cast<std::uint64_t>(name), 2);
    append(file, static_cast<std::uint64_t>(type), 2);
    append(file, static_cast<std::uint64_t>(count), 4);
    append(file, value, 4);
  };
  const bool fits = sample.samples <= 2;
  const auto bits = static_cast<std::uint64_t>(sample.bits);
  tag(256, 3, 1, 1);                                                 // width
  tag(257, 3, 1, 1);                                                 // height
  tag(258, 3, sample.samples, fits ? bits | bits << 16U : bits_at);  // bits of each sample
  tag(262, 3, 1, static_cast<std::uint64_t>(sample.photometric));    // grey or RGB
  tag(273, 4, 1, pixels_at);                                         // where the strip begins
  tag(277, 3, 1, static_cast<std::uint64_t>(sample.samples));        // samples of a pixel
  tag(278, 3, 1, 1);                                                 // rows of the strip
  tag(279, 4, 1, pixel_bytes);                                       // its bytes
  if (sample.extra >= 0) tag(338, 3, 1, static_cast<std::uint64_t>(sample.extra));
  append(file, 0, 4);
  for (int i = 0; i < sample.samples; ++i) {
    const std::uint64_t each = i + 1 < sample.samples ? sample.value : sample.alpha;
    append(file, sample.bits == 8 ? each : each * 257, sample.bits / 8);
  }
  for (int i = 0; i < sample.samples && !fits; ++i) append(file, bits, 2);
  return file;
}

/// The red of the one pixel.
int red_of(const TiffSample& sample) { return decode_image(tiff_of(sample), "x.tif").pixels.at(0); }

TEST(LayOverWhite, MixesWithWhiteByAlphaAndRounds) {
  const std::vector<std::uint8_t> rgba = {10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 128, 7, 8, 9, 1};
  std::vector<std::uint8_t> out(12);
  lay_over_white(rgba.data(), 4, out.data());
  const std::vector<std::uint8_t> expected = {10,  20,  30,    // opaque
                                              255, 255, 255,   // nothing of it is seen
                                              127, 177, 255,   // 0 * .502 + 255 * .498 = 127.0; 50.2 + 127 = 177.2
                                              254, 254, 254};  // 255 - 248 / 255 = 254.03
  EXPECT_EQ(out, expected);
}

TEST(LayOverWhite, AddsWhatPremultipliedColoursLackAndNeverOverflows) {
  const std::vector<std::uint8_t> rgba = {10, 20, 30, 255, 0, 0, 0, 0, 50, 60, 70, 100, 200, 0, 0, 100};
  std::vector<std::uint8_t> out(12);
  lay_premultiplied_over_white(rgba.data(), 4, out.data());
  const std::vector<std::uint8_t> expected = {10, 20, 30, 255, 255, 255, 205, 215, 225, 255, 155, 155};
  EXPECT_EQ(out, expected) << "the last pixel claims more red than its alpha allows";
}

/// What the sample's pixel (x, y) must be over white. x < 6.
int over_white(int x, int y, int c) {
  const int alpha = std::min(255, 255 * (x + y) / 32);
  const int color = c == 0 ? 255 * x / 24 : c == 1 ? 255 * y / 16 : 128;
  return (color * alpha + 255 * (255 - alpha) + 127) / 255;
}

/// tolerance: of 255.
void expect_over_white(const core::Image& image, int tolerance) {
  ASSERT_EQ(image.width, 24);
  ASSERT_EQ(image.height, 16);
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 6; ++x) {
      for (int c = 0; c < 3; ++c) EXPECT_NEAR(image.row(y)[3 * x + c], over_white(x, y, c), tolerance) << x << "," << y;
    }
  }
}

TEST(ReadImageAlpha, LiesOverWhiteInPngTiffAndWebp) {
  expect_over_white(decode_image(image_sample("rgba.png"), "rgba.png"), 0);
  expect_over_white(decode_image(image_sample("rgba.tif"), "rgba.tif"), 1);  // libtiff premultiplies first, and rounds
  expect_over_white(decode_image(image_sample("animated.webp"), "animated.webp"), 0);
  expect_over_white(decode_image(image_sample("lossy_alpha.webp"), "lossy_alpha.webp"), 40);
  EXPECT_EQ(decode_image(image_sample("lossless_alpha.webp"), "x").height, 24) << "turned by its EXIF";
}

// Pillow's table of TIFF modes: RGBX where the fourth sample is unspecified, RGBa premultiplied, RGBA straight.
TEST(ReadImageAlpha, OfATiffIsWhatTheFileSaysItIs) {
  constexpr int kStraight = 178;  // (100 * 128 + 255 * 127) / 255 = 177.2, once rounded by libtiff
  EXPECT_EQ(red_of({.extra = 0, .value = 100, .alpha = 128}), 100) << "infrared light, say";
  EXPECT_EQ(red_of({.extra = 0, .value = 100, .alpha = 0}), 100);
  EXPECT_EQ(red_of({.extra = 1, .value = 100, .alpha = 128}), 227) << "100 + 255 - 128";
  EXPECT_NEAR(red_of({.extra = 2, .value = 100, .alpha = 128}), kStraight, 1);
  EXPECT_EQ(red_of({.extra = -1, .value = 100, .alpha = 128}), 100) << "a fourth sample that is not even mentioned";
  EXPECT_EQ(red_of({.extra = -1, .value = 100, .alpha = 255}), 100);
}

TEST(ReadImageAlpha, OfGreyTiffsLiesOverWhiteToo) {
  EXPECT_EQ(red_of({.photometric = 1, .samples = 2, .extra = 2, .value = 100, .alpha = 128}), 177);
  EXPECT_EQ(red_of({.photometric = 1, .samples = 2, .extra = 1, .value = 100, .alpha = 128}), 227);
  EXPECT_EQ(red_of({.photometric = 1, .samples = 2, .extra = 0, .value = 100, .alpha = 128}), 100);
  EXPECT_EQ(red_of({.photometric = 1, .samples = 1, .extra = -1, .alpha = 77}), 77);
  const TiffSample deep = {.bits = 16, .photometric = 1, .samples = 2, .extra = 2, .value = 100, .alpha = 128};
  EXPECT_THROW(red_of(deep), core::DataError) << "libtiff would drop the alpha";
}

TEST(ReadImageAlpha, MakesTheTransparentColourOfAPaletteWhite) {
  for (const char* name : {"palette_transparent.png", "transparent.gif"}) {
    const core::Image with = decode_image(image_sample(name), name);
    const core::Image without = decode_image(image_sample("plain.gif"), "plain.gif");
    int white = 0;
    for (std::size_t i = 0; i < with.pixels.size(); i += 3) {
      const bool is_white = with.pixels[i] == 255 && with.pixels[i + 1] == 255 && with.pixels[i + 2] == 255;
      white += is_white ? 1 : 0;
      EXPECT_TRUE(is_white || with.pixels[i] == without.pixels[i]) << name << " " << i / 3;
    }
    EXPECT_GT(white, 5) << name;
    EXPECT_LT(white, 100) << name;
  }
}

TEST(ReadImageAlpha, LeavesImagesWithoutTransparencyAsTheyAre) {
  const core::Image png = decode_image(image_sample("rgb.png"), "rgb.png");
  for (const char* name : {"raw.tif", "lzw.tif", "adobe_deflate.tif", "packbits.tif", "rgb24.bmp", "binary.ppm"}) {
    EXPECT_EQ(decode_image(image_sample(name), name).pixels, png.pixels) << name;
  }
}

}  // namespace

}  // namespace margay::data
