#include <gtest/gtest.h>

#include "margay/data/image/over_white.h"
#include "margay/data/image/read_image.h"
#include "tests/support/image_samples.h"

namespace margay::data {
namespace {

using testing_support::image_sample;

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
void expect_over_white(const Image& image, int tolerance) {
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

TEST(ReadImageAlpha, MakesTheTransparentColourOfAPaletteWhite) {
  for (const char* name : {"palette_transparent.png", "transparent.gif"}) {
    const Image with = decode_image(image_sample(name), name);
    const Image without = decode_image(image_sample("plain.gif"), "plain.gif");
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

TEST(ReadImageAlpha, LeavesPicturesWithoutTransparencyAsTheyAre) {
  const Image png = decode_image(image_sample("rgb.png"), "rgb.png");
  for (const char* name : {"raw.tif", "lzw.tif", "adobe_deflate.tif", "packbits.tif", "rgb24.bmp", "binary.ppm"}) {
    EXPECT_EQ(decode_image(image_sample(name), name).pixels, png.pixels) << name;
  }
}

}  // namespace
}  // namespace margay::data
