#include "margay/interpret/mapped_image.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/chart/colour_map.h"
#include "margay/chart/render.h"
#include "margay/data/sample/sample.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::interpret {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;

/// A map of 2x2 cells over an image of `side` pixels.
ClassMap square_map(const std::vector<float>& cells, int side) {
  const double step = side / 2.0;
  return {.class_index = 0,
          .values = torch::tensor(cells).view({2, 2}),
          .logit = 1.25,
          .probability = 0.75,
          .bias = std::nullopt,
          .rows = {step / 2, step},
          .columns = {step / 2, step}};
}

core::Image plain_image(int height, int width, std::uint8_t value) {
  core::Image image(height, width);
  std::fill(image.pixels.begin(), image.pixels.end(), value);
  return image;
}

std::vector<int> pixel_at(const core::Image& image, int row, int column) {
  const std::uint8_t* pixel = image.row(row) + column * 3;
  return {pixel[0], pixel[1], pixel[2]};
}

TEST(MapOverlays, AreOrangeForBlueAgainstAndGreyAtZero) {
  const core::Image overlay = overlay_map(plain_image(16, 16, 128), square_map({2, -2, 0, 0}, 16));
  const auto positive = pixel_at(overlay, 1, 1);
  const auto negative = pixel_at(overlay, 1, 14);
  EXPECT_GT(positive[0], positive[2] + 50) << "orange";
  EXPECT_GT(negative[2], negative[0] + 50) << "blue";
  EXPECT_EQ(pixel_at(overlay, 15, 1), (std::vector<int>{128, 128, 128})) << "zero leaves the image";
}

TEST(MapOverlays, MarkWhereTheMapChangesItsSign) {
  const core::Image overlay = overlay_map(plain_image(16, 16, 200), square_map({1, -1, 1, -1}, 16));
  for (int row = 0; row < 16; ++row) EXPECT_EQ(pixel_at(overlay, row, 7), (std::vector<int>{40, 40, 40})) << row;
  EXPECT_NE(pixel_at(overlay, 3, 5), (std::vector<int>{40, 40, 40}));
  EXPECT_NE(pixel_at(overlay, 3, 9), (std::vector<int>{40, 40, 40}));
}

TEST(MapOverlays, HaveTheScaleThatIsAskedFor) {
  const core::Image image = plain_image(8, 8, 128);
  const ClassMap map = square_map({1, 1, 1, 1}, 8);
  const auto strength = [](const core::Image& overlay) { return pixel_at(overlay, 0, 0)[0] - 128; };
  const int own = strength(overlay_map(image, map));
  const int twice = strength(overlay_map(image, map, {.limit = 2}));
  EXPECT_GT(own, twice + 10);
  EXPECT_GT(twice, 10);
}

TEST(MapOverlays, OfAMapThatIsZeroAreTheImageInGrey) {
  const core::Image overlay = overlay_map(plain_image(8, 8, 90), square_map({0, 0, 0, 0}, 8));
  EXPECT_EQ(overlay.pixels, plain_image(8, 8, 90).pixels);
}

TEST(MapOverlays, EnlargeSmallImagesByAWholeFactor) {
  core::Image image(2, 3);
  image.row(1)[2 * 3] = 255;
  const core::Image large = enlarged_image(image, 8);
  EXPECT_EQ(large.width, 9);
  EXPECT_EQ(large.height, 6);
  EXPECT_EQ(pixel_at(large, 3, 6)[0], 255);
  EXPECT_EQ(pixel_at(large, 2, 6)[0], 0);
  EXPECT_EQ(enlarged_image(image, 1).pixels, image.pixels);
  EXPECT_NE(thrown_message<std::invalid_argument>([] { enlarged_image({}, 8); }).find("no pixels"), std::string::npos);
}

TEST(MapWords, AddUpOrSayTheMethod) {
  ClassMap map = square_map({1, 2, 3, 4}, 8);
  EXPECT_EQ(map_words(MapMethod::kHiResCam, map), "HiResCAM, logit 1.25");
  EXPECT_EQ(map_words(MapMethod::kGradCam, map), "Grad-CAM, logit 1.25");
  map.bias = -1.25;
  EXPECT_EQ(map_words(MapMethod::kCam, map), "mean 2.50 - bias 1.25 = logit 1.25");
}

std::string drawn_words(const chart::Drawing& drawing) {
  std::string words;
  for (const chart::Shape& shape : drawing.shapes) {
    if (const auto* text = std::get_if<chart::DrawnText>(&shape)) words += text->text + "\n";
  }
  return words;
}

TEST(MapDrawings, NameImageClassProbabilityAndScale) {
  MappedImage image{.id = 0, .image = plain_image(16, 16, 99), .method = MapMethod::kHiResCam, .maps = {}};
  image.maps.push_back(square_map({0.5, -2, 0, 1}, 16));
  const chart::Drawing drawing = map_drawing({image}, {"a<b>.jpg"}, {"<cat> & \"dog\""});
  const std::string words = drawn_words(drawing);
  for (const char* expected : {"a<b>.jpg", "<cat> & \"dog\" 75.0 %", "+2",
                               "\xE2\x88\x92"
                               "2",
                               "0\n", "HiResCAM"})
    EXPECT_NE(words.find(expected), std::string::npos) << expected << " in " << words;
  const std::string svg = chart::drawing_svg(drawing);
  EXPECT_EQ(svg.find("<cat>"), std::string::npos);
  const core::Image pixels = chart::drawing_image(drawing);
  EXPECT_EQ(pixels.width, drawing.width);
  EXPECT_THROW(map_drawing({}, {}, {}), std::invalid_argument);
  EXPECT_THROW(map_drawing({image}, {}, {"cat"}), std::invalid_argument);
}

std::shared_ptr<model::Classifier> small_network() {
  torch::manual_seed(1);
  return model::make_classifier({.architecture = "resnet20", .num_classes = 2});
}

std::vector<MappedImage> all_mapped(model::Classifier& network, const data::Loader& loader,
                                    const MappedImageOptions& options = {}) {
  std::vector<MappedImage> images;
  for_each_mapped_image(network, loader, options, [&](MappedImage&& image) { images.push_back(std::move(image)); });
  return images;
}

TEST(MappedImages, HaveTheMapsOfPredictionAndLabel) {
  const TemporaryFolder folder;
  testing_support::write_tiny_images(folder.path(), 3, 3);
  const data::Loaders loaders = testing_support::tiny_block(folder.path()).loaders({.batch_size = 4});
  const auto network = small_network();
  const std::vector<MappedImage> images = all_mapped(*network, *loaders.valid);
  ASSERT_EQ(images.size(), 6U);
  EXPECT_TRUE(network->is_training()) << "the mode is restored";
  std::size_t wrong = 0;
  for (const MappedImage& each : images) {
    const auto label = loaders.valid->dataset().target(each.id);
    wrong += each.maps.front().class_index == label ? 0 : 1;
    EXPECT_EQ(each.maps.size(), each.maps.front().class_index == label ? 1U : 2U);
    EXPECT_EQ(each.maps.back().class_index, label);
    EXPECT_EQ(each.image.height, 16);
    EXPECT_GE(each.maps.front().probability, 0.5);
  }
  EXPECT_GT(wrong, 0U) << "a network without training is wrong somewhere";
}

TEST(MappedImages, TakeLabelsThatAreGivenInPlaceOfTheDatasets) {
  const TemporaryFolder folder;
  testing_support::write_tiny_images(folder.path(), 2, 2);
  const data::Loaders loaders = testing_support::tiny_block(folder.path()).loaders({.batch_size = 3});
  const auto network = small_network();
  const auto images = all_mapped(*network, *loaders.valid,
                                 {.labels = torch::tensor(std::vector<std::int64_t>{0, 1, data::kNoTarget, 1})});
  ASSERT_EQ(images.size(), 4U);
  EXPECT_EQ(images[0].maps.back().class_index, 0);
  EXPECT_EQ(images[1].maps.back().class_index, 1);
  EXPECT_EQ(images[2].maps.size(), 1U) << "the prediction alone";
  EXPECT_EQ(images[3].maps.back().class_index, 1);
}

TEST(MappedImages, HaveEveryClassThatIsAskedForOnce) {
  const TemporaryFolder folder;
  testing_support::write_tiny_images(folder.path(), 2, 2);
  const data::Loaders loaders = testing_support::tiny_block(folder.path()).loaders({.batch_size = 4});
  const auto network = small_network();
  const std::vector<std::size_t> ids{3, 1};
  const auto images = all_mapped(*network, *loaders.valid, {.classes = {1, 0, 1}, .ids = &ids});
  ASSERT_EQ(images.size(), 2U);
  EXPECT_EQ(images[0].id, 3U);
  for (const MappedImage& each : images) {
    ASSERT_EQ(each.maps.size(), 2U);
    EXPECT_NEAR(each.maps[0].probability + each.maps[1].probability, 1, 1e-6);
  }
}

TEST(MappedImages, AreThoseThatCanBeRead) {
  const TemporaryFolder folder;
  testing_support::write_tiny_images(folder.path(), 2, 2);
  std::ofstream(folder / "valid" / "flat" / "0.png") << "not an image";
  const data::Loaders loaders = testing_support::tiny_block(folder.path()).loaders({.batch_size = 4});
  const auto network = small_network();
  std::size_t seen = 0;
  const auto skipped = for_each_mapped_image(*network, *loaders.valid, {}, [&](MappedImage&&) { ++seen; });
  EXPECT_EQ(seen, 3U);
  ASSERT_EQ(skipped.size(), 1U);
  EXPECT_NE(skipped[0].problem.find("0.png"), std::string::npos);
}

}  // namespace
}  // namespace margay::interpret
