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

void add_segment(FileBytes& file, std::uint8_t marker, const FileBytes& content) {
  const std::size_t size = content.size() + 2;
  file.insert(file.end(), {0xFF, marker, static_cast<std::uint8_t>(size / 256), static_cast<std::uint8_t>(size % 256)});
  file.insert(file.end(), content.begin(), content.end());
}

/// A grey square as a progressive JPEG, all of whose scans have a zero bit for each block: the means of the blocks less
/// their last bit, then that bit again and again.
FileBytes jpeg_of_scans(int side, int scans) {
  const auto high = static_cast<std::uint8_t>(side / 256);
  const auto low = static_cast<std::uint8_t>(side % 256);
  FileBytes steps(65, 1);
  steps[0] = 0;
  FileBytes one_code_of_one_bit(18, 0);
  one_code_of_one_bit[1] = 1;
  FileBytes file = {0xFF, 0xD8};
  add_segment(file, 0xDB, steps);
  add_segment(file, 0xC2, {8, high, low, high, low, 1, 1, 0x11, 0});
  add_segment(file, 0xC4, one_code_of_one_bit);
  const std::size_t blocks = static_cast<std::size_t>((side + 7) / 8) * static_cast<std::size_t>((side + 7) / 8);
  for (int scan = 0; scan < scans; ++scan) {
    const std::uint8_t bits = scan == 0 ? 0x01 : 0x10;
    add_segment(file, 0xDA, {1, 1, 0, 0, 0, bits});
    file.insert(file.end(), (blocks + 7) / 8, 0);
  }
  file.insert(file.end(), {0xFF, 0xD9});
  return file;
}

// A scan of a few bytes costs a pass over the whole image.
TEST(JpegScans, AreAsManyAsTheSizeOfTheImageAllows) {
  EXPECT_EQ(decode_image(jpeg_of_scans(64, 500), "scans.jpg").width, 64);
  const auto problem = [](int side, int scans) {
    return testing_support::thrown_message<core::DataError>(
        [&] { decode_image(jpeg_of_scans(side, scans), "scans.jpg"); });
  };
  EXPECT_NE(problem(64, 502).find("a JPEG of more than 500 scans"), std::string::npos) << problem(64, 502);
  EXPECT_NE(problem(6000, 29).find("a JPEG of more than 27 scans"), std::string::npos) << problem(6000, 29);
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

// Headers that claim more than their file holds: refused at once, before anything is allocated for the pixels.

namespace {

using namespace std::string_literals;
using testing_support::append;

void expect_refused_at_once(const FileBytes& file, const std::string& part, const ReadOptions& options = {}) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string message =
      testing_support::thrown_message<core::DataError>([&] { decode_image(file, "hostile", options); });
  EXPECT_NE(message.find(part), std::string::npos) << message << "\nlacks: " << part;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1)) << "milliseconds, on an idle machine";
}

FileBytes hostile_bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = ~0U;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int i = 0; i < 8; ++i) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

void append_big(FileBytes& file, std::uint32_t value) {
  for (int i = 3; i >= 0; --i) file.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

FileBytes png_chunk(const std::string& name, const FileBytes& data) {
  FileBytes named = hostile_bytes_of(name);
  named.insert(named.end(), data.begin(), data.end());
  FileBytes chunk;
  append_big(chunk, static_cast<std::uint32_t>(data.size()));
  chunk.insert(chunk.end(), named.begin(), named.end());
  append_big(chunk, crc32(named));
  return chunk;
}

/// One directory of long entries (tag, value), and nothing else.
FileBytes tiff(const std::vector<std::pair<int, std::uint32_t>>& tags) {
  FileBytes file = hostile_bytes_of("II*\0\x08\0\0\0"s);
  append(file, tags.size(), 2);
  for (const auto& [tag, value] : tags) {
    append(file, static_cast<std::uint64_t>(tag), 2);
    append(file, 4, 2);
    append(file, 1, 4);
    append(file, value, 4);
  }
  append(file, 0, 4);
  file.resize(file.size() + 64);
  return file;
}

TEST(HostileHeader, OfAJpegIsRefusedAtOnce) {
  FileBytes jpeg = image_sample("grey.jpg");
  const FileBytes start_of_frame = {0xFF, 0xC0, 0, 11, 8};
  const auto at = std::search(jpeg.begin(), jpeg.end(), start_of_frame.begin(), start_of_frame.end()) + 5;
  std::fill(at, at + 4, std::uint8_t{0xFE});
  expect_refused_at_once(jpeg, "claims 65278x65278 pixels");
  expect_refused_at_once(jpeg, "more than the limit of 100 (`max_pixels`)", {.max_pixels = 100});
}

TEST(HostileHeader, OfAPngIsRefusedAtOnce) {
  FileBytes png = hostile_bytes_of("\x89PNG\r\n\x1A\n");
  FileBytes header;
  append_big(header, 900'000);
  append_big(header, 900'000);
  append(header, std::string("\x08\x06\0\0\0", 5));
  for (const FileBytes& chunk : {png_chunk("IHDR", header), png_chunk("IDAT", {})}) {
    png.insert(png.end(), chunk.begin(), chunk.end());
  }
  expect_refused_at_once(png, "claims 900000x900000 pixels");
}

TEST(HostileHeader, TextsAndProfilesOfAPngAreNotEvenUnpacked) {
  const FileBytes png = image_sample("rgb.png");
  const core::Image plain = decode_image(png, "plain");
  FileBytes noise(2'000'000, 0xA5);
  for (const char* name : {"iCCP", "zTXt", "iTXt", "tEXt", "sPLT", "eXIf", "tIME"}) {
    FileBytes with(png.begin(), png.begin() + 33);  // up to the end of IHDR
    const FileBytes chunk = png_chunk(name, noise);
    with.insert(with.end(), chunk.begin(), chunk.end());
    with.insert(with.end(), png.begin() + 33, png.end());
    EXPECT_EQ(decode_image(with, name).pixels, plain.pixels) << name;
  }
}

TEST(HostileHeader, OfAGifIsRefusedAtOnceOnScreenAndFrame) {
  expect_refused_at_once(hostile_bytes_of("GIF89a\xFF\xFF\xFF\xFF\0\0\0,\0\0\0\0\1\0\1\0\0\x08"s),
                         "claims 65535x65535 pixels");
  expect_refused_at_once(hostile_bytes_of("GIF89a\1\0\1\0\0\0\0,\0\0\0\0\xFF\xFF\xFF\xFF\0\x08"s),
                         "claims 65535x65535 pixels");
  expect_refused_at_once(hostile_bytes_of("GIF89a\1\0\1\0\0\0\0,\xFF\xFF\xFF\xFF\1\0\1\0\0\x08"s),
                         "claims 65536x65536 pixels");
}

TEST(HostileHeader, OfAWebpIsRefusedAtOnceOnCanvasAndFrame) {
  FileBytes canvas = image_sample("animated.webp");
  std::fill(canvas.begin() + 24, canvas.begin() + 30, std::uint8_t{0x7F});  // the canvas in VP8X
  expect_refused_at_once(canvas, "WebP");                                   // libwebp: above 2^32 pixels
  std::copy_n("\xFF\xFF\0\xFF\x7F\0", 6, canvas.begin() + 24);
  expect_refused_at_once(canvas, "claims 65536x32768 pixels");
  FileBytes frame = image_sample("animated.webp");
  const std::string name = "ANMF";
  const auto at = std::search(frame.begin(), frame.end(), name.begin(), name.end()) + 8;
  std::copy_n("\xFF\x7F\0\xFF\x7F\0", 6, at + 6);
  expect_refused_at_once(frame, "claims 32768x32768 pixels");
}

TEST(HostileHeader, OfATiffIsRefusedAtOnceOnImageTileAndSamples) {
  using Tags = std::vector<std::pair<int, std::uint32_t>>;
  const Tags rest = {{258, 8}, {259, 1}, {262, 1}};
  const auto with = [&](Tags tags, const Tags& more) {
    tags.insert(tags.end(), rest.begin(), rest.end());
    tags.insert(tags.end(), more.begin(), more.end());
    return tiff(tags);
  };
  expect_refused_at_once(with({{256, 1'000'000}, {257, 1'000'000}}, {{273, 8}, {278, 1'000'000}, {279, 64}}),
                         "claims 1000000x1000000 pixels");
  expect_refused_at_once(with({{256, 16}, {257, 16}}, {{322, 1 << 20}, {323, 1 << 20}, {324, 8}, {325, 64}}),
                         "claims 1048576x1048576 pixels");
  expect_refused_at_once(with({{256, 10000}, {257, 10000}}, {{273, 8}, {277, 60000}, {278, 10000}, {279, 64}}), "TIFF");
  expect_refused_at_once(with({{256, 10000}, {257, 10000}}, {{273, 8}, {278, 10000}, {279, 64}}), "truncated TIFF");
}

TEST(HostileHeader, OfABmpIsRefusedAtOnce) {
  const auto bmp = [](std::uint32_t width, std::uint32_t height, int bits, int coding) {
    FileBytes file = hostile_bytes_of("BM");
    for (const std::uint32_t value : {0U, 0U, 54U, 40U, width, height}) append(file, value, 4);
    append(file, 1, 2);
    append(file, static_cast<std::uint64_t>(bits), 2);
    append(file, static_cast<std::uint64_t>(coding), 4);
    file.resize(100);
    return file;
  };
  expect_refused_at_once(bmp(0x7FFFFFFF, 0x80000000, 24, 0), "claims 2147483647x2147483648 pixels");
  expect_refused_at_once(bmp(0xFFFF, 0xFFFF, 8, 1), "claims 65535x65535 pixels");
  expect_refused_at_once(bmp(10000, 10000, 24, 0), "truncated BMP: the data ends at row 0 of 10000");
  expect_refused_at_once(bmp(0x80000000, 1, 24, 0), "claims a size of -2147483648x1");
}

TEST(HostileHeader, OfAPnmIsRefusedAtOnce) {
  expect_refused_at_once(hostile_bytes_of("P6 9999999999 9999999999 255\n"), "claims 9999999999x9999999999 pixels");
  for (const char kind : {'1', '2', '3', '4', '5', '6'}) {
    expect_refused_at_once(hostile_bytes_of("P"s + kind + " 10000 10000 255\n1 2 3"),
                           "truncated PNM: the data ends at row 0 of");
  }
}

TEST(HostileHeader, RefusesLimitsThatMakeNoSense) {
  EXPECT_THROW(decode_image(image_sample("rgb.png"), "x", {.max_pixels = 0}), std::invalid_argument);
  EXPECT_THROW(decode_image(image_sample("rgb.png"), "x", {.min_side = -1}), std::invalid_argument);
}

}  // namespace

}  // namespace margay::data
