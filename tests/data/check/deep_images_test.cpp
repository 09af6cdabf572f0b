// Images of 16 bits: their brightness, and what is said where they leave the highest bits empty.
#include "margay/data/check/deep_images.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/check/check_data.h"
#include "margay/data/data_block.h"
#include "margay/data/image/read_image.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "tests/support/deep_files.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

using testing_support::deep_png;
using testing_support::deep_pnm;
using testing_support::deep_ramp;
using testing_support::deep_tiff;
using testing_support::DeepSamples;
using testing_support::FileBytes;

core::Image read_deep(const FileBytes& file, int deep_bits) {
  return decode_image(file, "deep", {.deep_bits = deep_bits});
}

int brightest(const core::Image& image) { return *std::max_element(image.pixels.begin(), image.pixels.end()); }

/// Every sample of a ramp as `deep_bits` says.
void expect_scaled(const core::Image& image, const DeepSamples& samples, int deep_bits, bool is_inverted = false) {
  ASSERT_EQ(image.height, samples.height);
  ASSERT_EQ(image.width, samples.width);
  const auto channels = static_cast<std::size_t>(samples.channels);
  for (std::size_t i = 0; i < image.pixels.size() / 3; ++i) {
    const int level = std::min(samples.values[i * channels] >> (deep_bits - 8), 255);
    ASSERT_NEAR(image.pixels[3 * i], is_inverted ? 255 - level : level, 1) << "pixel " << i << " at " << deep_bits;
  }
}

TEST(DeepImage, OfTwelveBitsIsScaledToTheWholeRangeInEveryFormat) {
  for (const int channels : {1, 3}) {
    const DeepSamples samples = deep_ramp(6, 11, channels, 4095);
    const int photometric = channels == 1 ? 1 : 2;
    const std::vector<FileBytes> files = {deep_png(samples), deep_png(samples, true),
                                          deep_tiff(samples, {.photometric = photometric}), deep_pnm(samples, 65535)};
    for (const FileBytes& file : files) {
      EXPECT_LE(brightest(read_deep(file, 16)), 16) << "as they are they are nearly black";
      for (const int bits : {12, 13, 10, 8}) expect_scaled(read_deep(file, bits), samples, bits);
      EXPECT_EQ(brightest(read_deep(file, 12)), 255);
      EXPECT_EQ(sample_bits(file), 16);
    }
  }
}

TEST(DeepImage, WhoseWhiteIsZeroIsScaledAndInverted) {
  const DeepSamples samples = deep_ramp(5, 9, 1, 4095);
  expect_scaled(read_deep(deep_tiff(samples, {.photometric = 0}), 12), samples, 12, true);
}

TEST(DeepImage, KeepsItsHighByteAtSixteenBits) {
  const DeepSamples samples = deep_ramp(6, 11, 3, 65535);
  expect_scaled(read_deep(deep_png(samples), 16), samples, 16);
  expect_scaled(read_deep(deep_png(samples, true), 16), samples, 16);
}

TEST(DeepImage, KeepsItsTransparency) {
  DeepSamples samples = deep_ramp(4, 8, 4, 4095);
  for (std::size_t i = 3; i < samples.values.size(); i += 4) samples.values[i] = i % 8 == 3 ? 65535 : 0;
  const core::Image image = read_deep(deep_png(samples), 12);
  for (std::size_t i = 0; i < image.pixels.size() / 3; ++i) {
    const int level = i % 2 == 0 ? samples.values[4 * i] >> 4 : 255;
    EXPECT_EQ(image.pixels[3 * i], level) << i;
  }
  const std::string problem =
      testing_support::thrown_message<core::DataError>([&] { read_deep(deep_tiff(samples, {.photometric = 2}), 12); });
  EXPECT_NE(problem.find("transparency, where `deep_bits` is 12"), std::string::npos) << problem;
}

TEST(DeepImage, OfAPnmThatSaysItsRangeNeedsNoScaling) {
  const DeepSamples samples = deep_ramp(6, 11, 1, 4095);
  EXPECT_EQ(brightest(read_deep(deep_pnm(samples, 4095), 16)), 255);
  EXPECT_EQ(brightest(read_deep(deep_pnm(samples, 4095), 12)), 255);
}

TEST(DeepBits, LeaveImagesOfEightBitsAsTheyAre) {
  for (const std::string& name : testing_support::image_sample_names()) {
    const FileBytes file = testing_support::image_sample(name);
    EXPECT_TRUE(read_deep(file, 12).pixels == read_deep(file, 16).pixels) << name;
  }
  for (const int bits : {7, 17}) EXPECT_THROW(read_deep({}, bits), std::invalid_argument);
}

TEST(RawImage, OfACameraIsRefusedAndItsPreviewNotUsed) {
  const DeepSamples preview = deep_ramp(8, 12, 3, 65535);
  const auto complaint = [](const FileBytes& file) {
    return testing_support::thrown_message<core::DataError>([&] { decode_image(file, "x.nef"); });
  };
  const testing_support::TiffKind nef{.photometric = 2, .subfile = 1, .has_subdirectory = true};
  EXPECT_NE(complaint(deep_tiff(preview, nef)).find("a camera's raw image"), std::string::npos);
  EXPECT_NE(complaint(deep_tiff(preview, {.photometric = 2, .is_dng = true})).find("raw image"), std::string::npos);
  EXPECT_EQ(decode_image(deep_tiff(preview, {.photometric = 2}), "x.tif").width, 12);
}

/// A folder of two classes with the same file in each of four images.
class DeepFolder : public ::testing::Test {
 protected:
  void fill(const FileBytes& file, const std::string& extension, int first = 0, int end = 4) {
    for (int i = first; i < end; ++i) {
      const auto path = folder_ / (i % 2 == 0 ? "cat" : "dog") / (std::to_string(i) + extension);
      testing_support::write(path, {file.begin(), file.end()});
      paths_.push_back(path);
    }
  }

  std::string warning(int deep_bits = 16) const {
    return deep_bits_warning(look_for_deep_images(paths_, ReadOptions().max_pixels), deep_bits);
  }

  DataBlock block() const {
    return DataBlock()
        .items(paths_)
        .label(folder_labels())
        .split(random_split({.valid_fraction = 0.5}))
        .item_transform(resize({.size = 8}));
  }

  testing_support::TemporaryFolder folder_;
  std::vector<std::filesystem::path> paths_;
};

TEST_F(DeepFolder, OfTwelveBitsIsWarnedOfWithTheRightNumber) {
  fill(deep_png(deep_ramp(20, 20, 1, 4095)), ".png");
  EXPECT_EQ(warning(),
            "4 of 4 images looked at have 16 bits a sample, of which only 12 are in use, so they turn nearly black; "
            "`deep_bits` 12 makes white of their largest numbers");
  EXPECT_EQ(warning(12), "");
  EXPECT_EQ(warning(10), "`deep_bits` is 10, but the samples have 12 bits: what is brighter turns white");
}

TEST_F(DeepFolder, OfEveryNumberOfBitsIsMeasured) {
  for (const int bits : {8, 9, 10, 11, 12, 13, 14}) {
    paths_.clear();
    fill(deep_tiff(deep_ramp(20, 20, 1, (1U << bits) - 1)), ".tif");
    EXPECT_EQ(look_for_deep_images(paths_, ReadOptions().max_pixels).bits, bits);
    paths_.clear();
    fill(deep_tiff(deep_ramp(20, 20, 3, (1U << bits) - 1), {.photometric = 2}), ".tif");
    EXPECT_EQ(look_for_deep_images(paths_, ReadOptions().max_pixels).bits, bits);
  }
  paths_.clear();
  fill(deep_png(deep_ramp(20, 20, 1, 65535)), ".png");
  EXPECT_EQ(warning(), "");
}

TEST_F(DeepFolder, WithAFewBrightPixelsIsStillWarnedOf) {
  DeepSamples samples = deep_ramp(50, 50, 1, 4095);
  samples.values[7] = 65535;  // a dead pixel of the sensor
  samples.values[900] = 65535;
  fill(deep_png(samples), ".png");
  EXPECT_NE(warning().find("only 12 are in use"), std::string::npos);
}

TEST_F(DeepFolder, IsNotWarnedOfWhereMostImagesHaveEightBits) {
  fill(deep_png(deep_ramp(20, 20, 1, 4095)), ".png", 0, 2);
  fill(testing_support::image_sample("rgb.png"), ".png", 2, 6);
  EXPECT_EQ(warning(), "");
  paths_.clear();
  fill(testing_support::image_sample("rgb.png"), ".png");
  EXPECT_EQ(warning(12), "none of 4 images looked at has 16 bits, which `deep_bits` is for");
}

TEST_F(DeepFolder, IsWarnedOfByLoadersSummaryAndCheck) {
  fill(deep_png(deep_ramp(20, 20, 1, 4095)), ".png");
  const auto is_deep_warning = [](const std::string& text) { return text.find("`deep_bits` 12") != std::string::npos; };
  const std::vector<std::string> warnings = block().loaders({.batch_size = 1, .num_workers = 1}).warnings;
  EXPECT_EQ(std::count_if(warnings.begin(), warnings.end(), is_deep_warning), 1);
  EXPECT_TRUE(is_deep_warning(block().summary({.batch_size = 1, .num_workers = 1}).text()));
  const DataReport report = check_data(block(), folder_.path());
  ASSERT_EQ(report.count(FindingKind::kDarkDepth), 1U);
  EXPECT_EQ(check_data(block(), folder_.path(), {.deep_bits = 12}).count(FindingKind::kDarkDepth), 0U);
}

TEST_F(DeepFolder, IsScaledInTheBatchesAndKeptInTheTransforms) {
  fill(deep_png(deep_ramp(20, 20, 1, 4095)), ".png");
  const auto mean = [](const Loaders& loaders) { return loaders.train.pass(0).next()->images.mean().item<double>(); };
  const DataBlock plain =
      block().normalize({.mean = {0, 0, 0}, .std = {1, 1, 1}}).batch_transform(augment({.size = 8}));
  const LoaderOptions options{.batch_size = 2, .num_workers = 1};
  EXPECT_LT(mean(plain.loaders(options)), 0.05);
  const Loaders scaled = DataBlock(plain).deep_bits(12).loaders(options);
  EXPECT_NEAR(mean(scaled), 0.5, 0.1);
  EXPECT_EQ(core::to_json(scaled.transforms()).at("deep_bits"), 12);
  EXPECT_THROW(DataBlock(plain).deep_bits(3).loaders(options), std::invalid_argument);
}

}  // namespace
}  // namespace margay::data
