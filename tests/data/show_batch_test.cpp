#include "margay/data/show_batch.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/data/image/preview.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

using testing_support::striped_image;
using testing_support::TemporaryFolder;

const Normalization kPlain = {};

Batch grey_batch(const torch::Tensor& targets) {
  const std::int64_t n = targets.size(0);
  Batch batch{.images = torch::full({n, 3, 4, 4}, 0.5F), .targets = targets, .ids = {}};
  batch.ids.resize(static_cast<std::size_t>(n));
  return batch;
}

TEST(ShowBatch, NamesOneClassSeveralClassesNoneAndMixtures) {
  const Vocabulary vocabulary({"cat", "dog"});
  const auto captions = [&](const torch::Tensor& targets) {
    std::string text;
    for (const chart::Tile& tile : batch_tiles(grey_batch(targets), vocabulary, kPlain)) text += tile.caption + "|";
    return text;
  };
  EXPECT_EQ(captions(torch::tensor({1, 0}, torch::kLong)), "dog|cat|");
  EXPECT_EQ(captions(torch::tensor({{1.0F, 1.0F}, {0.0F, 0.0F}})), "cat + dog|(none)|");
  EXPECT_EQ(captions(torch::tensor({{0.7F, 0.3F}})), "cat 0.7 + dog 0.3|");
}

TEST(ShowBatch, UndoesTheNormalisation) {
  const auto tiles = batch_tiles(grey_batch(torch::tensor({0}, torch::kLong)), Vocabulary({"x"}),
                                 {.mean = {0.5, 0.25, 0}, .std = {1, 0.5, 2}});
  EXPECT_EQ(tiles[0].image.row(0)[0], 255);
  EXPECT_EQ(tiles[0].image.row(0)[1], 128);
  EXPECT_EQ(tiles[0].image.row(0)[2], 255);
}

TEST(ShowBatch, DrawsOneImageManyTimes) {
  const TemporaryFolder folder;
  write_png(folder / "a.png", striped_image(0, 3, 40));
  Transforms transforms;
  transforms.resize = {.size = 24};
  transforms.augment = {.size = 16, .min_scale = 0.3};
  const auto tiles = draw_tiles(ImagePipeline(transforms), folder / "a.png", "stripes", 8, 1);
  ASSERT_EQ(tiles.size(), 9U);
  EXPECT_EQ(tiles[0].caption, "stripes");
  EXPECT_EQ(tiles[8].caption, "draw 8");
  EXPECT_NE(tiles[1].image.pixels, tiles[2].image.pixels);
  EXPECT_THROW(draw_tiles(ImagePipeline(transforms), folder / "a.png", "", 0, 1), std::invalid_argument);
}

TEST(HalfBlocks, ShowTwoPixelsInACharacter) {
  core::Image image(2, 1);
  image.pixels = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(half_blocks(image, 80), "\x1b[38;2;1;2;3m\x1b[48;2;4;5;6m▀\x1b[0m\n");
  EXPECT_EQ(half_blocks(core::Image(1, 1), 80), "\x1b[38;2;0;0;0m▀\x1b[0m\n") << "no lower pixel, so no background";
  EXPECT_THROW(half_blocks(core::Image(), 80), std::invalid_argument);
}

}  // namespace
}  // namespace margay::data
