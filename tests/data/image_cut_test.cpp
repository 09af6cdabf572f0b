// A file that was cut is refused, except where the cut takes nothing of the image: grey or black areas must not be
// trained on.
#include <chrono>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/image/read_image.h"
#include "tests/support/golden.h"
#include "tests/support/image_samples.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

using testing_support::FileBytes;
using testing_support::image_sample;
using testing_support::image_sample_names;
using testing_support::shared_path;

/// Returns whether the cut file was read all the same.
bool is_refused_or_the_same(const FileBytes& file, std::size_t size, const core::Image& whole) {
  const std::span<const std::uint8_t> cut(file.data(), size);
  try {
    const core::Image image = decode_image(cut, "cut");
    EXPECT_EQ(image.width, whole.width) << size << " of " << file.size();
    EXPECT_TRUE(image.pixels == whole.pixels) << size << " of " << file.size();
    return true;
  } catch (const core::DataError&) {
    return false;
  }
}

TEST(CutImage, IsRefusedOrReadWhole) {
  for (const std::string& name : image_sample_names()) {
    SCOPED_TRACE(name);
    const FileBytes file = image_sample(name);
    const core::Image whole = decode_image(file, name);
    std::size_t read = 0;
    // Of the last number of a text nobody knows whether it is whole; the white space behind it does not have to be
    // there.
    const std::size_t end = file.size() - (name == "text.pgm" ? 4 : 0);
    for (std::size_t size = 0; size < end; ++size) read += is_refused_or_the_same(file, size, whole) ? 1 : 0;
    const bool has_more_behind = name.starts_with("animated") || name.ends_with(".tif");
    EXPECT_TRUE(has_more_behind || read <= 4) << read << ", where only end markers may be missing";
  }
}

TEST(CutImage, OfAWebpIsCalledTruncatedWhereverTheCutIs) {
  constexpr std::size_t kRecognised = 12;  // "RIFF", the size, "WEBP"
  for (const char* name : {"lossy.webp", "lossy_alpha.webp", "lossless_alpha.webp", "animated.webp"}) {
    const FileBytes file = image_sample(name);
    for (std::size_t size = kRecognised; size < file.size(); ++size) {
      const std::string problem =
          testing_support::thrown_message<core::DataError>([&] { decode_image(std::span(file.data(), size), name); });
      EXPECT_NE(problem.find("truncated WebP"), std::string::npos) << size << ": " << problem;
    }
  }
}

// A download that was broken off and begun anew leaves half an image with another one behind it.
TEST(CutImage, IsRefusedWhenAnotherMarkerThanThatOfTheEndFollows) {
  for (const char* name : {"baseline.jpg", "progressive.jpg", "cmyk.jpg", "grey.jpg"}) {
    const FileBytes whole = image_sample(name);
    FileBytes joined(whole.begin(), whole.end() - 40);
    joined.insert(joined.end(), whole.begin(), whole.end());
    const std::string problem = testing_support::thrown_message<core::DataError>([&] { decode_image(joined, name); });
    const bool has_scans = std::string(name) == "progressive.jpg";  // where libjpeg itself trips over the second start
    EXPECT_NE(problem.find(has_scans ? "two SOI markers" : "damaged JPEG: something else follows the data at row"),
              std::string::npos)
        << problem;
  }
}

TEST(CutImage, IsRefusedWhenTheRunsOfABmpEndWithinTheLastRow) {
  const FileBytes whole = image_sample("rle8.bmp");
  constexpr std::size_t kHead = 118;  // with 16 colours
  FileBytes file(whole.begin(), whole.begin() + kHead);
  file[18] = 4;  // width
  file[22] = 1;  // height
  const FileBytes four_pixels_as_they_are = {0, 4, 9, 9, 9, 9};
  file.insert(file.end(), four_pixels_as_they_are.begin(), four_pixels_as_they_are.end());
  ASSERT_EQ(decode_image(file, "x.bmp").width, 4);
  for (std::size_t size = kHead; size < file.size(); ++size) {
    EXPECT_THROW(decode_image(std::span(file.data(), size), "x.bmp"), core::DataError) << size - kHead;
  }
}

TEST(CutImage, IsRefusedAtEveryFifthOfARealFile) {
  if (!std::filesystem::exists(shared_path("data/odd"))) GTEST_SKIP() << "no data/odd";
  for (const char* name :
       {"pillow-tests__hopper.webp", "pillow-tests__hopper_orientation_6.jpg", "pillow-tests__exif.png",
        "pillow-tests__hopper2I.tif", "pillow-tests__tiff_tiled_planar_lzw.tiff", "pillow-tests__g4_orientation_5.tif",
        "pillow-tests__rgb32.bmp", "pillow-tests__pal1.bmp", "pillow-tests__hopper_16bit.pgm",
        "pillow-tests__test.colors.gif"}) {
    SCOPED_TRACE(name);
    std::ifstream stream(shared_path("data/odd") / name, std::ios::binary);
    const FileBytes file{std::istreambuf_iterator<char>(stream), {}};
    const core::Image whole = decode_image(file, name);
    for (int fifth = 0; fifth < 5; ++fifth) {
      EXPECT_FALSE(is_refused_or_the_same(file, file.size() * static_cast<std::size_t>(fifth) / 5, whole)) << fifth;
    }
  }
}

TEST(CutImage, SaysWhereTheDataEndsWhereTheFormatTells) {
  const auto complaint = [](const char* name, std::size_t lost) {
    FileBytes file = image_sample(name);
    file.resize(file.size() - lost);
    return testing_support::thrown_message<core::DataError>([&] { decode_image(file, name); });
  };
  EXPECT_NE(complaint("rgb24.bmp", 1).find("truncated BMP: the data ends at row 15 of 16"), std::string::npos);
  EXPECT_NE(complaint("binary.ppm", 100).find("truncated PNM: the data ends at row 14 of 16"), std::string::npos);
  EXPECT_NE(complaint("text.pgm", 200).find("truncated PNM: the data ends at row"), std::string::npos);
  EXPECT_NE(complaint("rle8.bmp", 30).find("truncated BMP: the data ends at row"), std::string::npos);
  EXPECT_NE(complaint("lossy.webp", 9).find("truncated WebP: 203 of 212 bytes"), std::string::npos);
  EXPECT_NE(complaint("plain.gif", 9).find("truncated GIF"), std::string::npos);
  EXPECT_NE(complaint("rgb.png", 30).find("broken PNG: truncated"), std::string::npos);
  EXPECT_NE(complaint("raw.tif", 9).find("broken or truncated TIFF"), std::string::npos);
}

}  // namespace
}  // namespace margay::data
