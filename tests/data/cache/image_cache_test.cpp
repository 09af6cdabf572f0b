#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/data/cache/image_cache.h"
#include "margay/data/image/write_image.h"
#include "margay/data/loader/loader.h"
#include "tests/support/image_samples.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

/// Red grows to the right, green downwards: where a pixel comes from can be read from it.
core::Image gradient(int height, int width) {
  core::Image image(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.row(y)[3 * x] = static_cast<std::uint8_t>(255 * x / width);
      image.row(y)[3 * x + 1] = static_cast<std::uint8_t>(255 * y / height);
    }
  }
  return image;
}

double mean_difference(const core::Image& a, const core::Image& b) {
  if (a.pixels.size() != b.pixels.size()) return 255;
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(a.pixels[i] - b.pixels[i]);
  return sum / static_cast<double>(a.pixels.size());
}

TEST(CachedImage, GivesTheItemOfEveryMethodOfResizing) {
  const core::Image image = gradient(300, 750);
  for (const auto& [method, name] : names(ResizeMethod{})) {
    const Resize resize({.size = 64, .method = method});
    for (const Phase phase : {Phase::kTrain, Phase::kValid}) {
      for (std::uint64_t key = 0; key < 5; ++key) {
        core::Random without{key};
        core::Random with{key};
        core::Image item;
        item_of_cached(to_cached(image, resize.options()), resize, phase, with, item);
        EXPECT_LT(mean_difference(item, resize.apply(image, phase, without)), 2) << name << " " << key;
      }
    }
  }
}

TEST(CacheKey, IsOfThePlaceNotOfTheWayItIsWritten) {
  EXPECT_EQ(cache_key("a/../b/x.png").path, cache_key(std::filesystem::current_path() / "b/x.png").path);
}

namespace fs = std::filesystem;
using testing_support::all_batches;
using testing_support::gradient_image;
using testing_support::noise_image;
using testing_support::TemporaryFolder;

/// Images larger and smaller than the presizing, upright and lying.
class CachedLoaderTest : public testing::Test {
 protected:
  CachedLoaderTest() {
    for (const bool is_valid : {false, true}) {
      for (int i = 0; i < 12; ++i) {
        const fs::path place = folder_ / (is_valid ? "valid" : "train") / (i % 2 == 0 ? "a" : "b");
        fs::create_directories(place);
        write_png(place / (std::to_string(i) + ".png"), gradient_image(20 + 7 * i, 90 - 5 * i));
      }
    }
  }

  DataBlock block() const {
    return DataBlock()
        .items(image_files(folder_.path()))
        .label(folder_labels())
        .split(folder_split(folder_.path()))
        .item_transform(resize({.size = 32}))
        .batch_transform(augment({.size = 24, .min_scale = 0.5}));
  }
  Loaders loaders(CacheKind cache, std::optional<int> limit_mb = std::nullopt) const {
    return block().loaders({.batch_size = 4,
                            .worker_priority = WorkerPriority::kNormal,  // starving workers begin images twice
                            .cache = cache,
                            .cache_limit_mb = limit_mb,
                            .cache_folder = cache == CacheKind::kDisk ? cache_.path() : fs::path()});
  }

  TemporaryFolder folder_;
  TemporaryFolder cache_;
};

/// Two epochs of training and one of validation.
std::vector<Batch> walk(const Loaders& data) {
  std::vector<Batch> batches;
  for (const int epoch : {0, 1}) {
    for (Batch& batch : all_batches(data.train.pass(epoch))) batches.push_back(std::move(batch));
  }
  for (Batch& batch : all_batches(data.valid->pass())) batches.push_back(std::move(batch));
  return batches;
}

void expect_equal_passes(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].ids, b[i].ids);
    EXPECT_TRUE(a[i].images.equal(b[i].images)) << "batch " << i;
  }
}

TEST_F(CachedLoaderTest, ServesTheSameBatchesFromMemoryAndFromDisk) {
  const auto in_memory = walk(loaders(CacheKind::kRam));
  expect_equal_passes(walk(loaders(CacheKind::kDisk)), in_memory);
  expect_equal_passes(walk(loaders(CacheKind::kDisk)), in_memory);  // found on disk by now
}

TEST_F(CachedLoaderTest, DiffersFromNoCacheByLessThanALevelOnAverage) {
  const auto with = walk(loaders(CacheKind::kRam));
  const auto without = walk(loaders(CacheKind::kOff));
  const Normalization normalization;
  ASSERT_EQ(with.size(), without.size());
  for (std::size_t i = 0; i < with.size(); ++i) {
    EXPECT_EQ(with[i].ids, without[i].ids);
    const double level = 1 / (255 * 0.229);  // in normalised units, of the channel that moves most
    EXPECT_LT((with[i].images - without[i].images).abs().mean().item<double>(), level);
  }
}

TEST_F(CachedLoaderTest, CountsWhatItKeptForTrainingAndValidationTogether) {
  const Loaders data = loaders(CacheKind::kRam);
  walk(data);
  const std::optional<CacheStats> stats = data.train.cache_stats();
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->images, 24U);
  EXPECT_EQ(stats->hits, 12U);  // the second epoch of training
  EXPECT_EQ(stats->misses, 24U);
  EXPECT_EQ(data.valid->cache_stats()->images, 24U);
  const Loader copy = data.train;
  EXPECT_EQ(copy.cache_stats()->images, 24U);
  EXPECT_FALSE(loaders(CacheKind::kOff).train.cache_stats());
}

TEST_F(CachedLoaderTest, ServesTheSameBatchesWhenOnlySomeImagesFit) {
  const Loaders data = loaders(CacheKind::kOff);
  LoaderOptions options = data.train.options();
  options.cache = CacheKind::kRam;
  const auto small = std::make_shared<RamCache>(10'000);
  const auto dataset = std::make_shared<Dataset>(data.train.dataset());
  const Loader partly(dataset, data.train.pipeline(), Phase::kTrain, options, small);
  const Loader wholly(dataset, data.train.pipeline(), Phase::kTrain, options);
  for (const int epoch : {0, 1}) expect_equal_passes(all_batches(partly.pass(epoch)), all_batches(wholly.pass(epoch)));
  EXPECT_GT(small->stats().images, 0U);
  EXPECT_GT(small->stats().left_out, 0U);
}

TEST_F(CachedLoaderTest, ReadsAnImageThatChangedAnew) {
  for (const CacheKind kind : {CacheKind::kRam, CacheKind::kDisk}) {
    const Loaders data = loaders(kind);
    all_batches(data.valid->pass());
    write_png(folder_ / "valid/a/0.png", noise_image(33, 44));
    const auto now = all_batches(data.valid->pass());
    EXPECT_TRUE(now[0].images.equal(all_batches(loaders(CacheKind::kRam).valid->pass())[0].images));
    write_png(folder_ / "valid/a/0.png", gradient_image(20, 90));
    EXPECT_FALSE(now[0].images.equal(all_batches(data.valid->pass())[0].images));
  }
}

TEST_F(CachedLoaderTest, ServesNoImageAboveALowerLimitOfPixels) {
  const auto skipped = [&](std::int64_t max_pixels) {
    LoaderOptions options = {.cache = CacheKind::kDisk, .cache_folder = cache_.path()};
    options.max_pixels = max_pixels;
    const Loaders data = block().loaders(options);
    LoaderPass pass = data.valid->pass();
    while (pass.next()) {
    }
    return pass.skipped().size();
  };
  EXPECT_EQ(skipped(1'000'000), 0U);
  EXPECT_EQ(skipped(2000), 11U);
}

TEST_F(CachedLoaderTest, SkipsUnreadableImagesInEveryEpoch) {
  std::ofstream(folder_ / "train/a/0.png") << "not an image";
  for (const CacheKind kind : {CacheKind::kRam, CacheKind::kDisk}) {
    const Loaders data = loaders(kind);
    for (const int epoch : {0, 1}) {
      LoaderPass pass = data.train.pass(epoch);
      while (pass.next()) {
      }
      ASSERT_EQ(pass.skipped().size(), 1U);
      EXPECT_NE(pass.skipped()[0].problem.find("train/a/0.png"), std::string::npos);
    }
    EXPECT_EQ(data.train.cache_stats()->images, 11U);
  }
}

TEST(ImageCache, NeedsAFolderOnDisk) {
  EXPECT_THROW(make_image_cache({.cache = CacheKind::kDisk}, "transforms"), std::invalid_argument);
}

TEST(RamCache, KeepsWhatFitsAndSaysHowMuchThatIs) {
  RamCache cache(1'000'000);
  const CachedImage cached = {noise_image(100, 100), 200, 200};
  for (int i = 0; i < 40; ++i) cache.keep({"p" + std::to_string(i), {}}, cached);
  for (int i = 0; i < 40; ++i) cache.keep({"p" + std::to_string(i), {}}, cached);  // offered again, counted once
  const CacheStats stats = cache.stats();
  EXPECT_EQ(stats.images, 33U);
  EXPECT_EQ(stats.left_out, 7U);
  EXPECT_LE(stats.bytes, 1'000'000U);
  EXPECT_EQ(stats.text(), "33 of 40 images fit in 1 MB");
  CachedImage room;
  EXPECT_EQ(cache.find({"p0", {}}, room)->image.pixels, cached.image.pixels);
  EXPECT_EQ(cache.find({"p39", {}}, room), nullptr);
}

TEST(RamCache, DoesNotServeAnImageThatChanged) {
  RamCache cache(1'000'000);
  const CacheKey before = {"p", FileVersion{10, 1}};
  const CacheKey after = {"p", FileVersion{10, 2}};
  CachedImage room;
  cache.keep(before, {noise_image(4, 4), 4, 4});
  const CachedImage* held = cache.find(before, room);
  EXPECT_EQ(cache.find(after, room), nullptr);
  cache.keep(after, {noise_image(5, 5), 5, 5});
  EXPECT_EQ(cache.find(after, room), nullptr) << "its place is taken by what others may still hold";
  EXPECT_EQ(held->image.pixels, noise_image(4, 4).pixels);
  EXPECT_EQ(cache.stats().images, 0U);
  EXPECT_EQ(cache.stats().left_out, 1U);
}

TEST(CacheStats, AreReadable) {
  CacheStats stats;
  stats.images = 1204;
  stats.left_out = 1'234'567;
  stats.limit_bytes = 1'000'000'000;
  stats.note = "why";
  EXPECT_EQ(stats.text(), "1,204 of 1,235,771 images fit in 1,000 MB; why");
}

TEST(CachedImage, IsTheDecodedOneWhereThatIsNoLarger) {
  const CachedImage small = to_cached(noise_image(20, 50), {.size = 32});
  EXPECT_FALSE(small.is_presized());
  EXPECT_EQ(small.image.pixels, noise_image(20, 50).pixels);
  const CachedImage large = to_cached(noise_image(80, 50), {.size = 32});
  EXPECT_TRUE(large.is_presized());
  EXPECT_EQ(large.image.width, 32);
  EXPECT_EQ(large.image.height, 51);
}

TEST(CachedImage, GivesTheItemOfResizeWhereItIsTheDecodedOne) {
  const core::Image decoded = noise_image(20, 50);
  const Resize to_32 = resize({.size = 32});
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    core::Random a{seed};
    core::Random b{seed};
    core::Image item;
    item_of_cached(to_cached(decoded, to_32.options()), to_32, Phase::kTrain, a, item);
    EXPECT_EQ(item.pixels, to_32.apply(decoded, Phase::kTrain, b).pixels);
    EXPECT_EQ(a.next(), b.next());  // as many draws
  }
}

TEST(CachedImage, GivesAlmostTheItemOfResizeWhereItIsPresized) {
  const core::Image decoded = gradient_image(375, 501);
  const Resize to_128 = resize({.size = 128});
  const CachedImage kept = to_cached(decoded, to_128.options());
  ASSERT_TRUE(kept.is_presized());
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Phase phase = seed == 0 ? Phase::kValid : Phase::kTrain;
    core::Random a{seed};
    core::Random b{seed};
    core::Image item;
    item_of_cached(kept, to_128, phase, a, item);
    const core::Image expected = to_128.apply(decoded, phase, b);
    ASSERT_EQ(item.pixels.size(), expected.pixels.size());
    for (std::size_t i = 0; i < item.pixels.size(); ++i) ASSERT_NEAR(item.pixels[i], expected.pixels[i], 2);
    EXPECT_EQ(a.next(), b.next());
  }
}

}  // namespace

}  // namespace margay::data
