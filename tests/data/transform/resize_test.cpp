#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"
#include "margay/data/transform/resize.h"
#include "tests/support/golden.h"
#include "tests/support/image_samples.h"
#include "tests/support/npy.h"

namespace margay::data {
namespace {

using testing_support::golden;
using testing_support::golden_path;
using testing_support::load_npy;
using testing_support::noise_image;

core::Image image_of(const nlohmann::json& rows) {
  core::Image image(static_cast<int>(rows.size()), static_cast<int>(rows[0].size()));
  std::size_t i = 0;
  for (const auto& row : rows) {
    for (const auto& pixel : row) {
      for (const auto& value : pixel) image.pixels[i++] = value.get<std::uint8_t>();
    }
  }
  return image;
}

/// The golden images and their names.
const char* const kImages[] = {"img40x30", "img30x40", "img20x30", "img33x33", "img50x11"};

core::Image shown(const core::Image& image, const Crop& window, PadMode pad_mode, int height, int width) {
  const core::Image part = crop_pad(image, window, pad_mode);
  return resample(part, height, width);
}

TEST(Resize, ShowsWhatFastaiShowsForEveryMethodShapeAndPhase) {
  MARGAY_REQUIRE_GOLDEN("item_resize.json");
  const nlohmann::json all = golden("item_resize.json");
  for (const std::string name : kImages) {
    const core::Image image = image_of(all[name]);
    for (const std::string method : {"crop", "pad", "squish"}) {
      for (const std::string size : {"16", "28", "(24, 12)"}) {
        for (const std::string phase : {"valid", "train"}) {
          const std::string key = fmt::format("{} Resize({},{}) {}", name, size, method, phase);
          SCOPED_TRACE(key);
          ASSERT_TRUE(all.contains(key));
          const nlohmann::json pcts = all[key].value("pcts", nlohmann::json::array());
          const bool is_placed = pcts.size() == 2;  // the places that training drew; squish draws none
          const core::Image expected = image_of(all[key]["out"]);
          const Crop window = resize_window(core::from_text<ResizeMethod>(method), image.height, image.width,
                                            expected.height, expected.width, is_placed ? pcts[0].get<double>() : 0.5,
                                            is_placed ? pcts[1].get<double>() : 0.5);
          const core::Image out = shown(image, window, PadMode::kReflection, expected.height, expected.width);
          EXPECT_EQ(out.pixels, expected.pixels);
        }
      }
    }
  }
}

TEST(Resize, AppliesEachMethodToValidationAsFastai) {
  MARGAY_REQUIRE_GOLDEN("item_resize.json");
  const nlohmann::json all = golden("item_resize.json");
  core::Random random{1};
  for (const std::string name : kImages) {
    for (const std::string method : {"crop", "pad", "squish"}) {
      for (const int size : {16, 28}) {
        const Resize resize_it = resize({.size = size, .method = core::from_text<ResizeMethod>(method)});
        const core::Image out = resize_it.apply(image_of(all[name]), Phase::kValid, random);
        const std::string key = fmt::format("{} Resize({},{}) valid", name, size, method);
        EXPECT_EQ(out.pixels, image_of(all[key]["out"]).pixels);
      }
    }
    const Resize cut = resize({.size = 16, .method = ResizeMethod::kRandomCrop, .min_scale = 0.35});
    const core::Image out = cut.apply(image_of(all[name]), Phase::kValid, random);
    EXPECT_EQ(out.pixels, image_of(all[name + " RandomResizedCrop(16,.35) valid"]["out"]).pixels);
  }
}

TEST(Resize, ShowsARandomCropAsFastai) {
  MARGAY_REQUIRE_GOLDEN("item_resize.json");
  const nlohmann::json all = golden("item_resize.json");
  for (const std::string name : kImages) {
    for (const std::string trial : {"train0", "train1"}) {
      const nlohmann::json& one = all[name + " RandomResizedCrop(16,.35) " + trial];
      const Crop crop = {one["tl"][0], one["tl"][1], one["cp_size"][0], one["cp_size"][1]};
      const core::Image out = shown(image_of(all[name]), crop, PadMode::kZeros, 16, 16);
      EXPECT_EQ(out.pixels, image_of(one["out"]).pixels);
    }
  }
}

TEST(CropPad, EqualsFastaisCropPad) {
  MARGAY_REQUIRE_GOLDEN("item_resize.json");
  const nlohmann::json all = golden("item_resize.json");
  for (const std::string name : kImages) {
    const core::Image image = image_of(all[name]);
    for (const int size : {16, 24}) {
      const auto middle = [&](int length) { return static_cast<int>(std::floor((length - size) / 2.0)); };
      const Crop crop = {middle(image.width), middle(image.height), size, size};
      for (const std::string pad : {"zeros", "border", "reflection"}) {
        const std::string key = fmt::format("{} CropPad({}{})", name, size, pad == "zeros" ? "" : "," + pad);
        SCOPED_TRACE(key);
        EXPECT_EQ(crop_pad(image, crop, core::from_text<PadMode>(pad)).pixels, image_of(all[key]).pixels);
      }
    }
  }
}

TEST(CropPad, TakesARectangleThatMissesTheImage) {
  core::Image image(1, 2);
  image.pixels = {1, 1, 1, 5, 5, 5};
  EXPECT_EQ(crop_pad(image, {4, 3, 1, 1}, PadMode::kZeros).pixels, (std::vector<std::uint8_t>{0, 0, 0}));
  EXPECT_EQ(crop_pad(image, {4, 3, 1, 1}, PadMode::kBorder).pixels, (std::vector<std::uint8_t>{5, 5, 5}));
  EXPECT_EQ(crop_pad(image, {-3, 0, 2, 1}, PadMode::kReflection).pixels, (std::vector<std::uint8_t>{5, 5, 5, 1, 1, 1}));
  EXPECT_THROW(crop_pad(image, {0, 0, 0, 1}, PadMode::kZeros), std::invalid_argument);
  EXPECT_THROW(crop_pad(core::Image(), {0, 0, 1, 1}, PadMode::kZeros), std::invalid_argument);
}

TEST(Resize, RandomCropsOfTrainingDifferAndKeepTheSize) {
  const core::Image image = noise_image(60, 90);
  const Resize random_crop = resize({.size = 20, .method = ResizeMethod::kRandomCrop});
  core::Random a{1};
  core::Random b{2};
  const core::Image one = random_crop.apply(image, Phase::kTrain, a);
  EXPECT_EQ(one.height, 20);
  EXPECT_EQ(one.width, 20);
  EXPECT_NE(one.pixels, random_crop.apply(image, Phase::kTrain, b).pixels);
}

TEST(Resize, OptionsSurviveJsonAndOlderOnesAreStillRead) {
  const ResizeOptions options = {.size = 64, .method = ResizeMethod::kPad, .pad_mode = PadMode::kZeros};
  ResizeOptions read;
  core::from_json(core::to_json(options), read);
  EXPECT_EQ(core::to_json(read), core::to_json(options));
  ResizeOptions old;
  core::from_json(nlohmann::ordered_json::parse(R"({"size": 128})"), old);
  EXPECT_EQ(old.size, 128);
  EXPECT_EQ(old.method, ResizeMethod::kCrop);
}

TEST(Resize, MatchesPillowOnRealPhotos) {
  MARGAY_REQUIRE_GOLDEN("real");
  core::Random random{1};
  for (const std::string name :
       {"Abyssinian_103", "Bengal_42", "american_bulldog_3", "staffordshire_bull_terrier_115"}) {
    const core::Image out = resize().apply(read_image(golden_path("real") / (name + ".jpg")), Phase::kValid, random);
    EXPECT_EQ(out.pixels, load_npy<std::uint8_t>(golden_path("real") / (name + "_resize460_valid.npy")).values);
  }
}

TEST(Resize, MovesTheSquareAlongTheLongerSideInTraining) {
  core::Image image(8, 100);  // the red value is the column
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
  const core::Image image = noise_image(30, 50);
  core::Random a{1, 2, 3};
  core::Random b{1, 2, 3};
  EXPECT_EQ(resize({.size = 16}).apply(image, Phase::kTrain, a).pixels,
            resize({.size = 16}).apply(image, Phase::kTrain, b).pixels);
}

TEST(Resize, DefaultsToFastaisPresizing) { EXPECT_EQ(resize().options().size, 460); }

TEST(Resize, RefusesOptionsOutOfRange) {
  EXPECT_THROW(resize({.size = 0}), std::invalid_argument);
  EXPECT_THROW(resize({.min_scale = 0.5, .max_scale = 0.2}), std::invalid_argument);
  core::Random random{1};
  EXPECT_THROW(resize().apply(core::Image(), Phase::kValid, random), std::invalid_argument);
}

TEST(Resize, PadsAVeryLongImageInLittleMemory) {
  core::Random random{1};
  core::Image line(1, 3'000'000);  // its padded square would take 27 TB
  std::fill(line.pixels.begin(), line.pixels.end(), std::uint8_t{200});
  const core::Image item = Resize({.size = 32, .method = ResizeMethod::kPad}).apply(line, Phase::kTrain, random);
  EXPECT_EQ(item.pixels, std::vector<std::uint8_t>(std::size_t{3} * 32 * 32, 200));
}

}  // namespace

}  // namespace margay::data
