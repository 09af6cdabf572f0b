#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/core/random.h"
#include "margay/data/image/decode_jpeg.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"
#include "margay/data/image/write_image.h"
#include "margay/data/image_pipeline.h"
#include "tests/support/golden.h"
#include "tests/support/image_samples.h"
#include "tests/support/simd_targets.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

using testing_support::for_each_simd_target;
using testing_support::noise_image;

/// What an output reads of a row or column, and with which weights.
struct PillowWindow {
  int first;
  std::vector<int> weights;  ///< in 2^-22
};

/// Pillow's precompute_coeffs and normalize_coeffs_8bpc (src/libImaging/Resample.c) for BILINEAR, operation by
/// operation, for a whole axis.
PillowWindow pillow_window(int length, int size, int output) {
  const double scale = static_cast<double>(length) / size;
  const double support = std::max(scale, 1.0);
  const double centre = (output + 0.5) * scale;
  const int first = std::max(static_cast<int>(centre - support + 0.5), 0);
  const int end = std::min(static_cast<int>(centre + support + 0.5), length);
  std::vector<double> shares;
  double sum = 0;
  for (int i = first; i < end; ++i) {
    const double distance = std::abs((i - centre + 0.5) * (1.0 / support));
    shares.push_back(distance < 1.0 ? 1.0 - distance : 0.0);
    sum += shares.back();
  }
  PillowWindow window{first, {}};
  for (const double share : shares) window.weights.push_back(static_cast<int>(0.5 + share / sum * (1 << 22)));
  return window;
}

int clipped_byte(std::int64_t sum) { return static_cast<int>(std::clamp<std::int64_t>(sum >> 22, 0, 255)); }

/// Pillow's resize() of the image.
core::Image pillow_resized(const core::Image& image, int height, int width) {
  core::Image wide(image.height, width);
  for (int x = 0; x < width; ++x) {
    const PillowWindow window = pillow_window(image.width, width, x);
    for (int i = 0; i < 3 * image.height; ++i) {
      std::int64_t sum = 1 << 21;
      for (std::size_t t = 0; t < window.weights.size(); ++t) {
        sum += window.weights[t] * image.row(i / 3)[3 * (window.first + static_cast<int>(t)) + i % 3];
      }
      wide.row(i / 3)[3 * x + i % 3] = static_cast<std::uint8_t>(clipped_byte(sum));
    }
  }
  core::Image out(height, width);
  for (int y = 0; y < height; ++y) {
    const PillowWindow window = pillow_window(image.height, height, y);
    for (int i = 0; i < 3 * width; ++i) {
      std::int64_t sum = 1 << 21;
      for (std::size_t t = 0; t < window.weights.size(); ++t) {
        sum += window.weights[t] * wide.row(window.first + static_cast<int>(t))[i];
      }
      out.row(y)[i] = static_cast<std::uint8_t>(clipped_byte(sum));
    }
  }
  return out;
}

core::Image part_of(const core::Image& image, const Box& box) {
  core::Image part(box.bottom - box.top, box.right - box.left);
  for (int y = 0; y < part.height; ++y) {
    std::copy_n(image.row(box.top + y) + std::ptrdiff_t{3} * box.left, 3 * part.width, part.row(y));
  }
  return part;
}

TEST(Resample, HasPillowsBytesAtAnySizeOnEveryInstructionSet) {
  for_each_simd_target([] {
    core::Random random{3};
    const auto below = [&](int bound) { return static_cast<int>(random.below(static_cast<std::uint64_t>(bound))); };
    for (int trial = 0; trial < 60; ++trial) {
      const core::Image image = noise_image(1 + below(40), 1 + below(trial % 5 == 0 ? 900 : 40), trial);
      const int left = below(image.width);
      const int top = below(image.height);
      const Box box = {left, top, left + 1 + below(image.width - left), top + 1 + below(image.height - top)};
      const int height = 1 + below(50);
      const int width = 1 + below(50);
      ASSERT_EQ(resample(image, height, width).pixels, pillow_resized(image, height, width).pixels) << trial;
      ASSERT_EQ(resample(image, box, height, width).pixels, pillow_resized(part_of(image, box), height, width).pixels)
          << trial;
    }
  });
}

/// Noise that is as easily made in Python.
core::Image counted_noise(int height, int width) {
  core::Image image(height, width);
  auto state = static_cast<std::uint32_t>(height * 7919 + width);
  for (std::uint8_t& value : image.pixels) {
    state = state * 1103515245U + 12345U;
    value = static_cast<std::uint8_t>(state >> 16U);
  }
  return image;
}

/// zlib.adler32 of Python.
std::uint32_t adler32(const core::Image& image) {
  std::uint32_t low = 1;
  std::uint32_t high = 0;
  for (const std::uint8_t value : image.pixels) {
    low = (low + value) % 65521;
    high = (high + low) % 65521;
  }
  return high << 16U | low;
}

/// Sums of Adler-32 of what Pillow 9.4 makes of noise: what the reference of this file cannot be wrong about.
TEST(Resample, HasTheBytesThatPillowHad) {
  struct PillowCase {
    int height;
    int width;
    int to;
    std::uint32_t sum;
  };
  for (const auto& [height, width, to, sum] : std::vector<PillowCase>{{1, 1, 5, 0xe1680c9aU},
                                                                      {37, 53, 16, 0x13ad7fb2U},
                                                                      {53, 37, 64, 0x9522fae8U},
                                                                      {299, 299, 460, 0x9962d1faU},
                                                                      {120, 1000, 32, 0x8658fc16U},
                                                                      {640, 3, 8, 0x4c145febU},
                                                                      {33, 33, 33, 0xb9c86fceU},
                                                                      {2, 7, 224, 0x17cb2165U}}) {
    EXPECT_EQ(adler32(resample(counted_noise(height, width), to, to)), sum) << width << "x" << height << " to " << to;
  }
}

TEST(Resample, KeepsAnImageOfTheSameSize) {
  const core::Image image = noise_image(9, 13);
  EXPECT_EQ(resample(image, 9, 13).pixels, image.pixels);
}

TEST(Resample, CutsOutABoxOfWholePixelsUnchanged) {
  const core::Image image = noise_image(9, 13);
  const core::Image part = resample(image, {2, 3, 7, 9}, 6, 5);
  for (int y = 0; y < 6; ++y) EXPECT_TRUE(std::equal(part.row(y), part.row(y) + 15, image.row(y + 3) + 6)) << y;
}

TEST(Resample, ReadsNothingOutsideTheBox) {
  core::Image image = noise_image(12, 12);
  const Box box = {3, 3, 9, 9};
  const core::Image before = resample(image, box, 20, 4);
  for (int y = 0; y < 12; ++y) {
    for (int x = 0; x < 12; ++x) {
      if (y < 3 || y >= 9 || x < 3 || x >= 9) image.row(y)[3 * x] ^= 0xFFU;
    }
  }
  EXPECT_EQ(resample(image, box, 20, 4).pixels, before.pixels);
}

TEST(Resample, KeepsAConstantImage) {
  core::Image image(31, 17);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{255});
  for (const int size : {1, 5, 64}) {
    const core::Image out = resample(image, size, size + 3);
    EXPECT_EQ(std::count(out.pixels.begin(), out.pixels.end(), 255), std::ptrdiff_t(out.pixels.size())) << size;
  }
}

TEST(Resample, RefusesImpossibleRequests) {
  const core::Image image = noise_image(4, 4);
  EXPECT_THROW(resample(image, 0, 4), std::invalid_argument);
  EXPECT_THROW(resample(image, {0, 0, 5, 4}, 4, 4), std::invalid_argument);
  EXPECT_THROW(resample(image, {2, 0, 2, 4}, 4, 4), std::invalid_argument);
  EXPECT_THROW(resample(image, {-1, 0, 2, 4}, 4, 4), std::invalid_argument);
  EXPECT_THROW(resample(core::Image(), 4, 4), std::invalid_argument);
}

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
    const core::Image shrunk = resample(whole, half.height, half.width);
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

TEST(Decoding, IsFullWhereItIsAskedFor) {
  const TemporaryFolder folder;
  write_jpeg(folder / "x.jpg", gradient_image(480, 640));
  const Transforms transforms{.resize = {.size = 80}};
  const std::int64_t most = ReadOptions().max_pixels;
  EXPECT_EQ(ImagePipeline(transforms).read(folder / "x.jpg").width, 160);
  EXPECT_EQ(ImagePipeline(transforms, most, Decoding::kFull).read(folder / "x.jpg").width, 640);
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
  const core::Image a = resample(whole, side, side);
  const core::Image b = resample(part, side, side);
  double difference = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) difference += std::abs(a.pixels[i] - b.pixels[i]);
  return difference / static_cast<double>(a.pixels.size());
}

// The pets are sharp to the pixel, the worst there is; images of a camera change less (decode_jpeg.cpp).
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
