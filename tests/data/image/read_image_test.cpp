#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/image/image_format.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/write_image.h"
#include "tests/support/image_samples.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

using testing_support::file_content;
using testing_support::gradient_image;
using testing_support::noise_image;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

std::vector<std::uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

std::string complaint(const std::string& content, const ReadOptions& options = {}) {
  return thrown_message<core::DataError>([&] { decode_image(bytes_of(content), "some/cat.jpg", options); });
}

std::string jpeg_file(const core::Image& image) {
  const TemporaryFolder folder;
  write_jpeg(folder / "x.jpg", image, 95);
  return file_content(folder / "x.jpg");
}

std::string png_file(const core::Image& image) {
  const TemporaryFolder folder;
  write_png(folder / "x.png", image);
  return file_content(folder / "x.png");
}

void expect_says(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << message << "\nlacks: " << part;
}

/// The orientation in an APP1 segment behind the start of a JPEG.
std::string with_orientation(const std::string& jpeg, char orientation) {
  using namespace std::string_literals;
  const std::string exif = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"s + orientation + "\0\0\0\0\0\0"s;
  return jpeg.substr(0, 2) + "\xFF\xE1\0"s + static_cast<char>(exif.size() + 2) + exif + jpeg.substr(2);
}

TEST(ReadImage, KeepsEveryPixelOfAPng) {
  const TemporaryFolder folder;
  const core::Image written = noise_image(7, 5);
  write_png(folder / "x.png", written);
  const core::Image read = read_image(folder / "x.png");
  EXPECT_EQ(read.height, 7);
  EXPECT_EQ(read.width, 5);
  EXPECT_EQ(read.pixels, written.pixels);
}

TEST(ReadImage, KeepsAJpegAlmostUnchanged) {
  const core::Image written = gradient_image(40, 60);
  const core::Image read = decode_image(bytes_of(jpeg_file(written)), "x.jpg");
  ASSERT_EQ(read.pixels.size(), written.pixels.size());
  for (std::size_t i = 0; i < read.pixels.size(); ++i) ASSERT_NEAR(read.pixels[i], written.pixels[i], 8) << i;
}

TEST(ReadImage, TakesTheFormatFromTheBytesNotFromTheName) {
  EXPECT_EQ(decode_image(bytes_of(png_file(noise_image(3, 4))), "x.jpg").width, 4);
}

TEST(ReadImage, TurnsExifOrientationsUpright) {
  const std::string stored = jpeg_file(gradient_image(16, 32));  // red grows to the right, green downwards
  struct Case {
    char orientation;
    bool is_red_across;  // else green is
    bool grows_to_the_right;
    bool grows_downwards;
  };
  for (const Case each : {Case{1, true, true, true}, Case{2, true, false, true}, Case{3, true, false, false},
                          Case{4, true, true, false}, Case{5, false, true, true}, Case{6, false, false, true},
                          Case{7, false, false, false}, Case{8, false, true, false}}) {
    SCOPED_TRACE(static_cast<int>(each.orientation));
    const core::Image image = decode_image(bytes_of(with_orientation(stored, each.orientation)), "x.jpg");
    EXPECT_EQ(image.width, each.is_red_across ? 32 : 16);
    EXPECT_EQ(image.height, each.is_red_across ? 16 : 32);
    const int across = each.is_red_across ? 0 : 1;
    const std::uint8_t* first = image.row(0);
    const std::uint8_t* right = first + 3 * (image.width - 1);
    const std::uint8_t* below = image.row(image.height - 1);
    EXPECT_EQ(right[across] > first[across], each.grows_to_the_right);
    EXPECT_EQ(below[1 - across] > first[1 - across], each.grows_downwards);
  }
}

TEST(ReadImage, IgnoresBrokenExif) {
  const std::string jpeg = jpeg_file(gradient_image(8, 16));
  EXPECT_EQ(decode_image(bytes_of(with_orientation(jpeg, 9)), "x.jpg").width, 16);
  EXPECT_EQ(decode_image(bytes_of(with_orientation(jpeg, 0)), "x.jpg").width, 16);
}

TEST(ReadImage, NamesThePathTheProblemAndTheRemedy) {
  const std::string message = complaint("hello there");
  expect_says(message, "some/cat.jpg: ");
  expect_says(message, "not an image: starts with \"hello th\"");
  expect_says(message, "expected a complete JPEG, PNG");
  expect_says(message, "replace the file or leave it out");
}

TEST(ReadImage, NamesOnlyTheRemedyThatHelps) {
  const std::string message = complaint("%PDF-1.7");
  expect_says(message, "some/cat.jpg: a PDF document, which Margay does not read; export its pages as JPEG or PNG");
  EXPECT_EQ(message.find("expected a complete"), std::string::npos) << message;
}

TEST(ReadImage, RefusesEmptyAndMissingFiles) {
  const TemporaryFolder folder;
  std::ofstream(folder / "empty.jpg").close();
  const auto message = [&](const char* name) {
    return thrown_message<core::DataError>([&] { read_image(folder / name); });
  };
  expect_says(message("empty.jpg"), "empty file");
  expect_says(message("absent.jpg"), "No such file");
  expect_says(message("."), "not a regular file");
}

TEST(ReadImage, RefusesATruncatedJpegInsteadOfGreyAreas) {
  const std::string jpeg = jpeg_file(noise_image(64, 64));
  expect_says(complaint(jpeg.substr(0, jpeg.size() / 2)), "truncated JPEG: the data ends at row ");
  expect_says(complaint(jpeg.substr(0, jpeg.size() / 2) + "\xFF\xD9"), "truncated JPEG");
  for (std::size_t size = 3; size < jpeg.size() / 2; size += 7) {
    EXPECT_THROW(decode_image(bytes_of(jpeg.substr(0, size)), "x.jpg"), core::DataError) << size;
  }
}

TEST(ReadImage, AcceptsAJpegThatLacksOnlyItsEndMarkerOrHasBytesBehindIt) {
  const std::string jpeg = jpeg_file(noise_image(64, 64));
  const core::Image whole = decode_image(bytes_of(jpeg), "x.jpg");
  EXPECT_EQ(decode_image(bytes_of(jpeg.substr(0, jpeg.size() - 2)), "x.jpg").pixels, whole.pixels);
  EXPECT_EQ(decode_image(bytes_of(jpeg + "more"), "x.jpg").pixels, whole.pixels);
}

TEST(ReadImage, RefusesATruncatedPng) {
  const std::string png = png_file(noise_image(20, 20));
  for (std::size_t size = 8; size < png.size(); size += 11) {
    expect_says(complaint(png.substr(0, size)), "broken PNG: truncated");
  }
}

TEST(ReadImage, RefusesAPngWhoseHeaderDoesNotMatchItsChecksum) {
  std::string png = png_file(noise_image(2, 2));
  png[16] = 0x7F;  // the width's highest byte
  EXPECT_THROW(decode_image(bytes_of(png), "x.png"), core::DataError);
}

TEST(ReadImage, RefusesAGifWithoutAFrame) {
  using namespace std::string_literals;
  expect_says(complaint("GIF89a\1\0\1\0\0\0\0;"s), "ends before its first frame");
}

TEST(ReadImage, RefusesWhatExceedsTheCallersLimit) {
  const ReadOptions options = {.max_pixels = 99};
  expect_says(complaint(jpeg_file(noise_image(10, 10)), options), "claims 10x10 pixels, more than the limit of 99");
  expect_says(complaint(png_file(noise_image(10, 10)), options), "more than the limit of 99 (`max_pixels`)");
  const std::string message = complaint(png_file(noise_image(10, 10)), options);
  expect_says(message, "raise it if the file is sound, or leave it out");
  EXPECT_EQ(message.find("expected a complete"), std::string::npos) << message;
  EXPECT_EQ(decode_image(bytes_of(png_file(noise_image(9, 11))), "x", options).width, 11);
}

TEST(ReadImage, SurvivesRandomDamage) {
  core::Random random{5};
  int read = 0;
  int refused = 0;
  for (const std::string& file : {jpeg_file(noise_image(24, 24)), png_file(noise_image(24, 24)),
                                  with_orientation(jpeg_file(gradient_image(24, 24)), 6)}) {
    for (int attempt = 0; attempt < 300; ++attempt) {
      std::vector<std::uint8_t> damaged = bytes_of(file);
      for (int i = 0; i < 4; ++i) damaged[random.below(damaged.size())] = static_cast<std::uint8_t>(random.below(256));
      try {
        const core::Image image = decode_image(damaged, "some/cat", {.max_pixels = 1'000'000});
        EXPECT_EQ(image.pixels.size(), std::size_t(image.height) * std::size_t(image.width) * 3);
        EXPECT_LE(image.pixels.size(), 3'000'000U);
        ++read;
      } catch (const core::DataError& error) {  // refusing is as good as reading
        expect_says(error.what(), "some/cat");
        ++refused;
      }
    }
  }
  EXPECT_GT(read, 0);
  EXPECT_GT(refused, 0);
}

TEST(WriteImage, ReportsAPathThatCannotBeWritten) {
  const TemporaryFolder folder;
  const auto path = folder / "absent" / "x.png";
  const std::string message = thrown_message<core::IoError>([&] { write_png(path, noise_image(2, 2)); });
  expect_says(message, path.string());
  EXPECT_THROW(write_png(folder / "x.png", core::Image()), std::invalid_argument);
  EXPECT_THROW(write_jpeg(folder / "x.jpg", noise_image(2, 2), 101), std::invalid_argument);
}

TEST(SniffFormat, KnowsFormatsByTheirFirstBytes) {
  using namespace std::string_literals;
  const auto sniff = [](const std::string& head) { return sniff_format(bytes_of(head)); };
  EXPECT_EQ(sniff("\xFF\xD8\xFF\xE0"), ImageFormat::kJpeg);
  EXPECT_EQ(sniff("\x89PNG\r\n\x1A\n"), ImageFormat::kPng);
  EXPECT_EQ(sniff("GIF89a"), ImageFormat::kGif);
  EXPECT_EQ(sniff("BM"), ImageFormat::kBmp);
  EXPECT_EQ(sniff("II*\0"s), ImageFormat::kTiff);
  EXPECT_EQ(sniff("II+\0"s), ImageFormat::kTiff) << "with 64-bit offsets";
  EXPECT_EQ(sniff("MM\0*"s), ImageFormat::kTiff);
  EXPECT_EQ(sniff("RIFF....WEBPVP8 "), ImageFormat::kWebp);
  EXPECT_EQ(sniff("P5\n"), ImageFormat::kPnm);
  for (const std::string& other : {""s, "\xFF\xD8"s, "P7\n"s, "PNG"s, "RIFF....WAVE"s, "text"s}) {
    EXPECT_EQ(sniff(other), ImageFormat::kUnknown) << other;
  }
}

using namespace std::string_literals;

std::string describe(const std::string& head) {
  return describe_unknown(std::vector<std::uint8_t>(head.begin(), head.end()));
}

TEST(DescribeUnknown, NamesWhatPeopleKeepAmongTheirImages) {
  const auto refused = [](const std::string& name, const std::string& remedy) {
    return name + ", which Margay does not read; " + remedy;
  };
  const std::string convert = "convert it to JPEG or PNG";
  EXPECT_EQ(describe("\0\0\0\x1C"s + "ftypisom"), refused("a video", "extract its images"));
  EXPECT_EQ(describe("\xFF\x0A..."), refused("a JPEG XL image", convert));
  EXPECT_EQ(describe("\0\0\0\x0CJXL \r\n"s), refused("a JPEG XL image", convert));
  EXPECT_EQ(describe("8BPS\0\1"s), refused("a Photoshop document", "export it as JPEG or PNG"));
  EXPECT_EQ(describe("%PDF-1.7"), refused("a PDF document", "export its pages as JPEG or PNG"));
  EXPECT_EQ(describe("PK\3\4"), refused("a zip archive", "unpack it"));
  EXPECT_EQ(describe("version https://git-lfs.github.com/spec/v1"), refused("a Git LFS pointer", "run 'git lfs pull'"));
}

TEST(DescribeUnknown, KnowsTextsBehindSpaceMarksAndCapitals) {
  for (const char* text : {"<!DOCTYPE html><p>", "<html>", "\n\n <HTML lang=en>", "\xEF\xBB\xBF<!doctype HTML>"}) {
    EXPECT_TRUE(describe(text).starts_with("an HTML page, which Margay does not read")) << text;
  }
  for (const char* text : {"<svg xmlns=", "<?xml version=\"1.0\"?>\n<!-- x -->\n<svg>"}) {
    EXPECT_TRUE(describe(text).starts_with("an SVG drawing")) << text;
  }
}

TEST(DescribeUnknown, ShowsTheFirstBytesOfTheRest) {
  EXPECT_EQ(describe("text and more"), "not an image: starts with \"text and\"");
  EXPECT_EQ(describe("\x01\x02\xFF"), "not an image: starts with 01 02 ff");
  EXPECT_EQ(describe("<?xml version=\"1.0\"?><rss>"), "not an image: starts with \"<?xml ve\"");
  EXPECT_TRUE(describe(std::string(16, '\0')).starts_with("not an image: only zeros"));
}

}  // namespace

}  // namespace margay::data
