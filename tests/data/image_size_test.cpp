#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/image/jpeg_scale.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"
#include "margay/data/image/write_image.h"
#include "tests/support/golden.h"
#include "tests/support/image_samples.h"
#include "tests/support/images.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

using testing_support::FileBytes;
using testing_support::gradient_image;
using testing_support::image_sample;
using testing_support::image_sample_names;
using testing_support::shared_path;
using testing_support::TemporaryFolder;

TEST(ReadSize, IsThatOfTheImageForEveryFormat) {
  for (const std::string& name : image_sample_names()) {
    const core::Image image = decode_image(image_sample(name), name);
    const ImageSize size = read_size(testing_support::image_samples_folder() / name);
    EXPECT_EQ(size.width, image.width) << name;
    EXPECT_EQ(size.height, image.height) << name;
  }
}

TEST(ReadSize, KnowsNoLimit) {
  const std::string pnm = "P5 1000000 1000000 255\n";
  const ImageSize size = decode_size(FileBytes(pnm.begin(), pnm.end()), "x.pgm");
  EXPECT_EQ(size.width * size.height, 1'000'000'000'000);
}

TEST(ReadSize, RefusesWhatHasNoHeader) {
  EXPECT_THROW(decode_size({}, "x"), core::DataError);
  const FileBytes jpeg = image_sample("baseline.jpg");
  EXPECT_THROW(decode_size(std::span(jpeg).first(30), "x"), core::DataError);
  EXPECT_THROW(read_size("no/such/file.jpg"), core::DataError);
}

TEST(ReadSize, FindsAJpegHeaderBehindALongPreview) {
  const TemporaryFolder folder;
  const FileBytes jpeg = image_sample("grey.jpg");
  std::ofstream file(folder / "x.jpg", std::ios::binary);
  const auto write = [&](const FileBytes& bytes) {
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  };
  write({jpeg.begin(), jpeg.begin() + 2});
  for (int i = 0; i < 6; ++i) {  // more than read_size looks at first
    FileBytes segment = {0xFF, 0xE2, 0xFF, 0xFF};
    segment.resize(2 + 0xFFFF);
    write(segment);
  }
  write({jpeg.begin() + 2, jpeg.end()});
  file.close();
  EXPECT_EQ(read_size(folder / "x.jpg").width, 24);
}

/// A JPEG of this size.
FileBytes jpeg_of(int height, int width) {
  const TemporaryFolder folder;
  write_jpeg(folder / "x.jpg", gradient_image(height, width));
  const std::string content = testing_support::file_content(folder / "x.jpg");
  return {content.begin(), content.end()};
}

TEST(MinSide, ScalesAJpegDownAsFarAsIsSafe) {
  const FileBytes jpeg = jpeg_of(480, 640);
  const auto width = [&](int min_side) { return decode_image(jpeg, "x.jpg", {.min_side = min_side}).width; };
  EXPECT_EQ(width(0), 640);
  EXPECT_EQ(width(97), 640);
  EXPECT_EQ(width(96), 320) << "the shorter side keeps two and a half times the 96 pixels";
  EXPECT_EQ(width(81), 320);
  EXPECT_EQ(width(80), 160) << "one and a half times";
  EXPECT_EQ(width(21), 160);
  EXPECT_EQ(width(20), 80) << "three times";
  EXPECT_EQ(width(1), 80) << "libjpeg goes no further";
}

TEST(MinSide, RoundsSidesToTheNearest) {
  const core::Image image = decode_image(jpeg_of(401, 447), "x.jpg", {.min_side = 16});
  EXPECT_EQ(image.height, 50);
  EXPECT_EQ(image.width, 56);
}

TEST(MinSide, KeepsTheOrientationAndTheColoursOfCmyk) {
  for (const char* name : {"baseline.jpg", "progressive.jpg", "cmyk.jpg", "grey.jpg"}) {
    const core::Image whole = decode_image(image_sample(name), name);
    const core::Image half = decode_image(image_sample(name), name, {.min_side = 3});
    ASSERT_EQ(half.width, whole.width / 2) << name;
    ASSERT_EQ(half.height, whole.height / 2) << name;
    const core::Image shrunk =
        resample(whole, {0, 0, double(whole.width), double(whole.height)}, half.height, half.width);
    double difference = 0;
    for (std::size_t i = 0; i < half.pixels.size(); ++i) difference += std::abs(half.pixels[i] - shrunk.pixels[i]);
    EXPECT_LT(difference / static_cast<double>(half.pixels.size()), 12) << name;
  }
}

TEST(MinSide, RefusesWhatIsCutAsTheWholeImageWould) {
  FileBytes jpeg = jpeg_of(450, 500);
  jpeg.resize(jpeg.size() - 40);
  EXPECT_THROW(decode_image(jpeg, "x.jpg"), core::DataError);
  EXPECT_THROW(decode_image(jpeg, "x.jpg", {.min_side = 8}), core::DataError);
}

TEST(MinSide, LeavesOtherFormatsWhole) {
  EXPECT_EQ(decode_image(image_sample("rgb.png"), "x", {.min_side = 1}).width, 24);
}

/// Mean difference, of 255, between resampling the whole image and one decoded at 1/denominator, for the largest
/// side at which it may be; nothing where the image is too small for that.
std::optional<double> change_by_scaling(const std::filesystem::path& path, int denominator) {
  const ImageSize size = read_size(path);
  int side = static_cast<int>(std::min(size.height, size.width));
  while (side >= 16 && jpeg_denominator(size, side) != denominator) --side;
  if (side < 16) return std::nullopt;
  const core::Image whole = read_image(path);
  const core::Image part = read_image(path, {.min_side = side});
  if (part.width == whole.width) return std::nullopt;  // no JPEG
  const core::Image a = resample(whole, {0, 0, double(whole.width), double(whole.height)}, side, side);
  const core::Image b = resample(part, {0, 0, double(part.width), double(part.height)}, side, side);
  double difference = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) difference += std::abs(a.pixels[i] - b.pixels[i]);
  return difference / static_cast<double>(a.pixels.size());
}

// The pets are sharp to the pixel, the worst there is; images of a camera change less (jpeg_scale.cpp).
TEST(MinSide, ChangesRealPhotosByLessThanTwoLevelsOnAverageAtEveryScale) {
  if (!std::filesystem::exists(shared_path("data/pets/images"))) GTEST_SKIP() << "no data/pets";
  for (const int denominator : {2, 4, 8}) {
    std::vector<double> changes;
    for (const auto& entry : std::filesystem::directory_iterator(shared_path("data/pets/images"))) {
      if (changes.size() == 80) break;
      if (const auto change = change_by_scaling(entry.path(), denominator)) changes.push_back(*change);
    }
    ASSERT_EQ(changes.size(), 80);
    EXPECT_LT(std::accumulate(changes.begin(), changes.end(), 0.0) / 80, 2) << denominator;
  }
}

}  // namespace
}  // namespace margay::data
