#include "margay/data/check/crop_match.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/data/check/fingerprint.h"
#include "margay/data/image/resample.h"
#include "margay/data/sample/sample.h"

namespace margay::data {
namespace {

/// Two drawn images of each class.
const std::vector<core::Image>& drawn_images() {
  static const std::vector<core::Image> images = [] {
    std::vector<core::Image> drawn;
    for (const std::string& label : sample_classes()) {
      for (const int number : {1, 2}) drawn.push_back(draw_sample_image(label, number).image);
    }
    return drawn;
  }();
  return images;
}

/// A rectangle in shares of the sides.
struct Shares {
  double left;
  double top;
  double right;
  double bottom;
};

core::Image cropped(const core::Image& image, const Shares& shares) {
  const auto px = [](double share, int side) { return static_cast<int>(share * side); };
  const Box box{px(shares.left, image.width), px(shares.top, image.height), px(shares.right, image.width),
                px(shares.bottom, image.height)};
  return resample(image, box, box.bottom - box.top, box.right - box.left);
}

core::Image mirrored_image(const core::Image& image) {
  core::Image result = image;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      for (int c = 0; c < 3; ++c) result.row(y)[3 * x + c] = image.row(y)[3 * (image.width - 1 - x) + c];
    }
  }
  return result;
}

TEST(CropMatch, FindsWhereAPartIsCutOut) {
  int found = 0;
  for (const core::Image& image : drawn_images()) {
    const CropDetails whole(image);
    const CropMatch match = match_crop(whole, CropDetails(cropped(image, {0.1, 0.2, 0.75, 0.85})));
    const CropMatch mirrored = match_crop(whole, CropDetails(mirrored_image(cropped(image, {0.1, 0.2, 0.75, 0.85}))));
    found += match.correlation >= kCropCorrelation ? 1 : 0;
    if (match.correlation >= kCropCorrelation) {
      EXPECT_NEAR(match.share, 0.65 * 0.65, 0.1);
    }
    found += mirrored.correlation >= kCropCorrelation ? 1 : 0;
  }
  EXPECT_GE(found, static_cast<int>(2 * drawn_images().size()) * 9 / 10);
}

TEST(CropMatch, TellsOtherImagesApart) {
  std::vector<CropDetails> details;
  for (const core::Image& image : drawn_images()) details.emplace_back(image);
  for (std::size_t i = 0; i < details.size(); ++i) {
    for (std::size_t j = i + 1; j < details.size(); j += 5) {
      EXPECT_LT(match_crop(details[i], details[j]).correlation, kCropCorrelation) << i << " " << j;
    }
  }
}

TEST(CropMatch, OfOneColourIsNone) {
  core::Image flat(40, 60);
  EXPECT_LE(match_crop(CropDetails(drawn_images()[0]), CropDetails(flat)).correlation, 0);
  EXPECT_LE(match_crop(CropDetails(flat), CropDetails(flat)).correlation, 0);
  EXPECT_THROW(CropDetails(core::Image(0, 0)), std::invalid_argument);
}

/// The image laid on itself in one of eight ways.
core::Image oriented(const core::Image& image, const Orientation& orientation) {
  core::Image result(orientation.is_transposed ? image.width : image.height,
                     orientation.is_transposed ? image.height : image.width);
  for (int y = 0; y < result.height; ++y) {
    for (int x = 0; x < result.width; ++x) {
      const int v = orientation.is_upside_down ? result.height - 1 - y : y;
      const int h = orientation.is_mirrored ? result.width - 1 - x : x;
      const std::uint8_t* const from = orientation.is_transposed ? image.row(h) + 3 * static_cast<std::ptrdiff_t>(v)
                                                                 : image.row(v) + 3 * static_cast<std::ptrdiff_t>(h);
      for (int c = 0; c < 3; ++c) result.row(y)[3 * x + c] = from[c];
    }
  }
  return result;
}

TEST(Orientation, IsFoundInHashAndDetails) {
  const auto thumbnail = [](const core::Image& image) {
    return fingerprint_of(resample(image, Fingerprint::kSide, Fingerprint::kSide));
  };
  for (const core::Image& image : drawn_images()) {
    const Fingerprint plain = thumbnail(image);
    for (const Orientation& orientation : all_orientations()) {
      const Fingerprint turned = thumbnail(oriented(image, orientation));
      const std::uint64_t hash = orientation.is_transposed ? plain.transposed_hash() : plain.hash;
      EXPECT_LE(std::popcount(turned.hash ^ hash ^ orientation.flips()), 6);
      EXPECT_GT(correlation(turned, plain, orientation), 0.95);
    }
  }
}

}  // namespace
}  // namespace margay::data
