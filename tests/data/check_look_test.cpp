#include <bit>
#include <vector>

#include <gtest/gtest.h>

#include "margay/data/check/check_options.h"
#include "margay/data/check/look.h"
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

Look look(const core::Image& image) { return look_of(scaled(image, Look::kSide, Look::kSide)); }

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

/// Pictures that the sample draws.
class SamplePictures : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const TemporaryFolder folder;
    draw_sample(folder / "sample", {.per_class = 4});
    for (const auto& path : image_files(folder / "sample")) pictures_->push_back(read_image(path));
  }
  static void TearDownTestSuite() { pictures_->clear(); }
  static const std::vector<core::Image>& pictures() { return *pictures_; }

  static inline auto pictures_ = std::make_unique<std::vector<core::Image>>();
};

int distance(const Look& a, const Look& b) { return std::popcount(a.hash ^ b.hash); }

TEST_F(SamplePictures, LookTheSameAfterScalingCompressionAndALittleLight) {
  const CheckOptions options;
  const TemporaryFolder folder;
  for (const core::Image& picture : pictures()) {
    write_jpeg(folder / "small.jpg", scaled(picture, picture.height / 2, picture.width / 2), 40);
    for (const core::Image& copy : {scaled(picture, picture.height * 3 / 2, picture.width * 3 / 2),
                                    read_image(folder / "small.jpg"), brighter(picture, 12)}) {
      EXPECT_LE(distance(look(picture), look(copy)), options.near_bits);
      EXPECT_GE(correlation(look(picture), look(copy)), options.near_correlation);
    }
  }
}

TEST_F(SamplePictures, LookDifferentFromEachOther) {
  const CheckOptions options;
  for (std::size_t i = 0; i < pictures().size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_LT(correlation(look(pictures()[i]), look(pictures()[j])), options.near_correlation - 0.1) << i << ' ' << j;
    }
  }
}

TEST_F(SamplePictures, LookMirroredWhenTheyAre) {
  const CheckOptions options;
  for (const core::Image& picture : pictures()) {
    const Look there = look(picture);
    const Look back = look(mirrored(picture));
    EXPECT_LE(std::popcount(there.hash ^ back.mirrored_hash()), options.near_bits);
    EXPECT_GE(mirrored_correlation(there, back), options.near_correlation);
    EXPECT_EQ(there.hash, Look{.hash = there.mirrored_hash()}.mirrored_hash());
  }
}

TEST(Look, OfOneColourCorrelatesWithNothing) {
  const Look flat = look_of(core::Image(Look::kSide, Look::kSide));
  EXPECT_EQ(correlation(flat, flat), 0);
}

}  // namespace
}  // namespace margay::data
