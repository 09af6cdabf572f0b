#include <bit>
#include <vector>

#include <gtest/gtest.h>

#include "margay/data/check/check_options.h"
#include "margay/data/check/fingerprint.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"
#include "margay/data/image/write_image.h"
#include "margay/data/sample/sample.h"
#include "margay/data/source/image_files.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;

core::Image scaled(const core::Image& image, int height, int width) {
  return resample(image, {.right = static_cast<double>(image.width), .bottom = static_cast<double>(image.height)},
                  height, width);
}

Fingerprint fingerprint(const core::Image& image) {
  return fingerprint_of(scaled(image, Fingerprint::kSide, Fingerprint::kSide));
}

core::Image brighter(core::Image image, int by) {
  for (std::uint8_t& byte : image.pixels) byte = static_cast<std::uint8_t>(std::min(255, byte + by));
  return image;
}

core::Image mirrored(const core::Image& image) {
  core::Image result(image.height, image.width);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      std::copy_n(image.row(y) + 3 * x, 3, result.row(y) + 3 * (image.width - 1 - x));
    }
  }
  return result;
}

/// Images that the sample draws.
class SampleImages : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const TemporaryFolder folder;
    draw_sample(folder / "sample", {.per_class = 4});
    for (const auto& path : image_files(folder / "sample")) images_->push_back(read_image(path));
  }
  static void TearDownTestSuite() { images_->clear(); }
  static const std::vector<core::Image>& images() { return *images_; }

  static inline auto images_ = std::make_unique<std::vector<core::Image>>();
};

int distance(const Fingerprint& a, const Fingerprint& b) { return std::popcount(a.hash ^ b.hash); }

TEST_F(SampleImages, LookTheSameAfterScalingCompressionAndALittleLight) {
  const CheckOptions options;
  const TemporaryFolder folder;
  for (const core::Image& image : images()) {
    write_jpeg(folder / "small.jpg", scaled(image, image.height / 2, image.width / 2), 40);
    for (const core::Image& copy : {scaled(image, image.height * 3 / 2, image.width * 3 / 2),
                                    read_image(folder / "small.jpg"), brighter(image, 12)}) {
      EXPECT_LE(distance(fingerprint(image), fingerprint(copy)), options.near_bits);
      EXPECT_GE(correlation(fingerprint(image), fingerprint(copy)), options.near_correlation);
    }
  }
}

TEST_F(SampleImages, LookDifferentFromEachOther) {
  const CheckOptions options;
  for (std::size_t i = 0; i < images().size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_LT(correlation(fingerprint(images()[i]), fingerprint(images()[j])), options.near_correlation - 0.1)
          << i << ' ' << j;
    }
  }
}

TEST_F(SampleImages, LookMirroredWhenTheyAre) {
  const CheckOptions options;
  for (const core::Image& image : images()) {
    const Fingerprint there = fingerprint(image);
    const Fingerprint back = fingerprint(mirrored(image));
    EXPECT_LE(std::popcount(there.hash ^ back.mirrored_hash()), options.near_bits);
    EXPECT_GE(mirrored_correlation(there, back), options.near_correlation);
    EXPECT_EQ(there.hash, Fingerprint{.hash = there.mirrored_hash()}.mirrored_hash());
  }
}

TEST(Fingerprint, OfOneColourCorrelatesWithNothing) {
  const Fingerprint flat = fingerprint_of(core::Image(Fingerprint::kSide, Fingerprint::kSide));
  EXPECT_EQ(correlation(flat, flat), 0);
}

}  // namespace
}  // namespace margay::data
