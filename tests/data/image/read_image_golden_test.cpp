// Compares with what Pillow and fastai made of real, odd and hostile files. All of it lies beside the
// repository, so these tests skip where it is missing.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/image/read_image.h"
#include "tests/support/golden.h"
#include "tests/support/npy.h"

namespace margay::data {
namespace {

using testing_support::golden;
using testing_support::golden_path;
using testing_support::load_npy;
using testing_support::shared_path;

std::vector<std::uint8_t> flat(const nlohmann::json& rows) {
  std::vector<std::uint8_t> bytes;
  for (const auto& row : rows) {
    for (const auto& pixel : row) {
      for (const auto& value : pixel) bytes.push_back(value.get<std::uint8_t>());
    }
  }
  return bytes;
}

TEST(ReadImageGolden, DecodesJpegExactlyAsPillow) {
  MARGAY_REQUIRE_GOLDEN("real");
  for (const char* name : {"Abyssinian_103", "Bengal_42", "american_bulldog_3", "staffordshire_bull_terrier_115"}) {
    const core::Image image = read_image(golden_path("real") / (std::string(name) + ".jpg"));
    const auto expected = load_npy<std::uint8_t>(golden_path("real") / (std::string(name) + "_decoded.npy"));
    EXPECT_EQ(expected.shape, (std::vector<std::size_t>{std::size_t(image.height), std::size_t(image.width), 3}));
    EXPECT_TRUE(image.pixels == expected.values) << name;
  }
}

TEST(ReadImageGolden, ConvertsEveryKindOfPixelAsPillow) {
  MARGAY_REQUIRE_GOLDEN("modes");
  const nlohmann::json modes = golden("modes.json");
  // The two with alpha are opaque everywhere.
  for (const char* name : {"L.png", "LA.png", "P.png", "RGBA.png", "1.png", "CMYK.jpg", "L.jpg"}) {
    EXPECT_EQ(read_image(golden_path("modes") / name).pixels, flat(modes[name]["out"])) << name;
  }
}

TEST(ReadImageGolden, KeepsTheHighByteOfSixteenBitGreyWherePillowClips) {
  MARGAY_REQUIRE_GOLDEN("modes");
  const std::vector<std::uint8_t> clipped = flat(golden("modes.json")["I16.png"]["out"]);
  const core::Image image = read_image(golden_path("modes") / "I16.png");
  int distinct = 0;
  std::array<bool, 256> seen{};
  for (std::size_t i = 0; i < clipped.size(); ++i) {
    if (clipped[i] < 255) {
      EXPECT_EQ(image.pixels[i], 0) << "below 256 there is no high byte";
    }
    distinct += seen[image.pixels[i]] ? 0 : 1;
    seen[image.pixels[i]] = true;
  }
  EXPECT_GT(distinct, 20) << "Pillow leaves only black and white";
}

TEST(ReadImageGolden, TurnsUprightWhatFastaiLeavesOnItsSide) {
  MARGAY_REQUIRE_GOLDEN("modes/exif6.jpg");
  const core::Image image = read_image(golden_path("modes") / "exif6.jpg");
  EXPECT_EQ(image.width, 12);
  EXPECT_EQ(image.height, 16);
}

/// One line of odd/manifest.csv: what Pillow makes of a file.
struct OddFile {
  std::string name;
  bool opens;
  int upright_width;
  int upright_height;
};

std::vector<OddFile> odd_files() {
  std::ifstream file(shared_path("data/odd") / "manifest.csv");
  std::vector<OddFile> files;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::vector<std::string> fields(1);
    for (const char letter : line) letter == ',' ? fields.emplace_back() : (fields.back() += letter, fields.back());
    const bool opens = fields[1] == "opens";
    files.push_back({fields[0], opens, opens ? std::stoi(fields[6]) : 0, opens ? std::stoi(fields[7]) : 0});
  }
  return files;
}

/// What Pillow opens and we do not, or at another size.
const std::map<std::string, std::string> kExceptions = {
    {"pillow-tests__16bit.s.tif", "signed numbers: refused, because black and white are anybody's guess"},
    {"pillow-tests__tiff_strip_cmyk_16l_jpeg.tif", "CMYK of 16 bits, which libtiff cannot turn into RGB"},
    {"pillow-tests__g4_orientation_5.tif", "the manifest gives the size before Pillow turned it while loading"},
    {"pillow-tests__g4_orientation_6.tif", "the same"},
    {"pillow-tests__g4_orientation_7.tif", "the same"},
    {"pillow-tests__g4_orientation_8.tif", "the same"}};

TEST(ReadImageGolden, OpensTheOddFilesThatPillowOpensUprightAndSurvivesTheOthers) {
  if (!std::filesystem::exists(shared_path("data/odd"))) GTEST_SKIP() << "no data/odd";
  const std::vector<OddFile> all = odd_files();
  ASSERT_GT(all.size(), 200) << "manifest.csv";
  for (const OddFile& odd : all) {
    SCOPED_TRACE(odd.name);
    const auto start = std::chrono::steady_clock::now();
    try {
      const core::Image image = read_image(shared_path("data/odd") / odd.name);
      const ImageSize size = read_size(shared_path("data/odd") / odd.name);
      EXPECT_EQ(size.width, image.width);
      EXPECT_EQ(size.height, image.height);
      if (odd.opens && !kExceptions.contains(odd.name)) {
        EXPECT_EQ(image.width, odd.upright_width);
        EXPECT_EQ(image.height, odd.upright_height);
      }
    } catch (const core::DataError& error) {
      EXPECT_TRUE(!odd.opens || kExceptions.contains(odd.name)) << error.what();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  }
}

TEST(ReadImageGolden, ReadsThePetsThatAreNoJpegs) {
  if (!std::filesystem::exists(shared_path("data/pets/images"))) GTEST_SKIP() << "no data/pets";
  const core::Image gif = read_image(shared_path("data/pets/images/Abyssinian_34.jpg"));
  EXPECT_EQ(gif.width, 250);
  EXPECT_EQ(gif.height, 202);
  const core::Image png = read_image(shared_path("data/pets/images/Abyssinian_5.jpg"));
  EXPECT_EQ(png.width, 200);
  EXPECT_EQ(png.height, 150);
}

}  // namespace

}  // namespace margay::data
