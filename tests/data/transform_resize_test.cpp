#include "margay/data/transform/resize.h"

#include <cstdlib>
#include <stdexcept>

#include <gtest/gtest.h>

#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"
#include "tests/support/golden.h"
#include "tests/support/npy.h"
#include "tests/support/pictures.h"

namespace margay::data {
namespace {

using testing_support::golden;
using testing_support::golden_path;
using testing_support::load_npy;
using testing_support::noise_image;

constexpr int kRounding = 1;  // of 255: floating point against Pillow's fixed point

Image image_of(const nlohmann::json& rows) {
  Image image(static_cast<int>(rows.size()), static_cast<int>(rows[0].size()));
  std::size_t i = 0;
  for (const auto& row : rows) {
    for (const auto& pixel : row) {
      for (const auto& value : pixel) image.pixels[i++] = value.get<std::uint8_t>();
    }
  }
  return image;
}

void expect_near(const std::vector<std::uint8_t>& actual, const std::vector<std::uint8_t>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) ASSERT_NEAR(actual[i], expected[i], kRounding) << i;
}

TEST(Resize, TakesTheMiddleSquareForValidationAsFastai) {
  MARGAY_REQUIRE_GOLDEN("item_resize.json");
  const nlohmann::json expected = golden("item_resize.json");
  core::Random random{1};
  for (const std::string name : {"img40x30", "img30x40"}) {
    for (const int size : {16, 28}) {
      const Image out = resize({.size = size}).apply(image_of(expected[name]), Phase::kValid, random);
      const std::string key = name + " Resize(" + std::to_string(size) + ",crop) valid";
      expect_near(out.pixels, image_of(expected[key]["out"]).pixels);
    }
  }
}

TEST(Resize, PlacesTheSquareOfTrainingAsFastaiDoesWithTheSameDraws) {
  MARGAY_REQUIRE_GOLDEN("item_resize.json");
  const nlohmann::json expected = golden("item_resize.json");
  for (const std::string name : {"img40x30", "img30x40"}) {
    const nlohmann::json& golden_case = expected[name + " Resize(16,crop) train"];
    const Image image = image_of(expected[name]);
    const double free_x = image.width - 30;
    const double free_y = image.height - 30;
    const double left = std::floor(golden_case["pcts"][0].get<double>() * free_x);
    const double top = std::floor(golden_case["pcts"][1].get<double>() * free_y);
    const Image out = resample(image, {left, top, left + 30, top + 30}, 16, 16);
    expect_near(out.pixels, image_of(golden_case["out"]).pixels);
  }
}

TEST(Resize, MatchesPillowOnRealPhotos) {
  MARGAY_REQUIRE_GOLDEN("real");
  core::Random random{1};
  for (const std::string name : {"Abyssinian_103", "Bengal_42", "american_bulldog_3"}) {
    const Image out = resize().apply(read_image(golden_path("real") / (name + ".jpg")), Phase::kValid, random);
    expect_near(out.pixels, load_npy<std::uint8_t>(golden_path("real") / (name + "_resize460_valid.npy")).values);
  }
}

TEST(Resize, MovesTheSquareAlongTheLongerSideInTraining) {
  Image image(8, 100);  // the red value is the column
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 100; ++x) image.row(y)[3 * x] = static_cast<std::uint8_t>(x);
  }
  int lowest = 255;
  int highest = 0;
  for (std::uint64_t item = 0; item < 200; ++item) {
    core::Random random{7, item};
    const int left = resize({.size = 8}).apply(image, Phase::kTrain, random).pixels[0];
    lowest = std::min(lowest, left);
    highest = std::max(highest, left);
  }
  EXPECT_LE(lowest, 2);
  EXPECT_GE(highest, 88);
  EXPECT_LE(highest, 92);
}

TEST(Resize, DrawsTheSameForTheSameKey) {
  const Image image = noise_image(30, 50);
  core::Random a{1, 2, 3};
  core::Random b{1, 2, 3};
  EXPECT_EQ(resize({.size = 16}).apply(image, Phase::kTrain, a).pixels,
            resize({.size = 16}).apply(image, Phase::kTrain, b).pixels);
}

TEST(Resize, DefaultsToFastaisPresizing) { EXPECT_EQ(resize().options().size, 460); }

TEST(Resize, RefusesOptionsOutOfRange) {
  EXPECT_THROW(resize({.size = 0}), std::invalid_argument);
  core::Random random{1};
  EXPECT_THROW(resize().apply(Image(), Phase::kValid, random), std::invalid_argument);
}

}  // namespace
}  // namespace margay::data
