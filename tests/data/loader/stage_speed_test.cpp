#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/data/cache/image_cache.h"
#include "margay/data/loader/stage_speed.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;
using testing_support::tiny_block;
using testing_support::write_tiny_images;

StageSpeeds speeds_of(double read, double decode, double presize, double warp, double collate = 0) {
  StageSpeeds speeds;
  speeds.stages = {{"read", read}, {"decode", decode}, {"presize", presize}, {"warp", warp}, {"collate", collate}};
  speeds.images = 1200;
  speeds.cached_images = 1522;
  speeds.cache_bytes = 1'200'000'000;
  speeds.free_memory_bytes = 8'000'000'000;
  return speeds;
}

TEST(StageSpeed, MeasuresEveryStageAndTheWholeLoader) {
  const TemporaryFolder folder;
  write_tiny_images(folder.path(), 4, 1);
  std::ofstream(folder / "train/flat/0.png") << "not an image";
  const Loaders data = tiny_block(folder.path()).loaders({.batch_size = 4, .num_workers = 3});
  const StageSpeeds speeds = measure_stages(data, {.images = 100, .seconds = 1});
  ASSERT_EQ(speeds.stages.size(), 5U);
  for (const StageTime& each : speeds.stages) EXPECT_GT(each.ms, 0) << each.stage;
  EXPECT_EQ(speeds.measured, 7U);
  EXPECT_EQ(speeds.unreadable, 1U);
  EXPECT_EQ(speeds.images, 8U);
  EXPECT_EQ(speeds.workers, 3);
  EXPECT_EQ(speeds.cached_images, 10U);
  EXPECT_EQ(speeds.cache_bytes, 10U * 24 * 24 * 3);
  EXPECT_GT(speeds.cold_images_per_s, 0);
  EXPECT_GT(speeds.cached_images_per_s, 0);
}

/// Keeps images in memory, and takes as long as a slow decoder before it does.
class SlowToFill : public RamCache {
 public:
  SlowToFill() : RamCache(1'000'000) {}
  void keep(const CacheKey& key, const CachedImage& image) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    RamCache::keep(key, image);
  }
};

TEST(LoaderSpeed, IsThatOfImagesInTheCacheThoughFillingItTookTooLong) {
  const TemporaryFolder folder;
  write_tiny_images(folder.path(), 20, 1);
  const Loaders data = tiny_block(folder.path()).loaders({.batch_size = 2, .num_workers = 1});
  const auto cache = std::make_shared<SlowToFill>();
  PassPlan plan = data.train.plan();
  plan.cache = cache;
  plan.rows = measure_loader(plan, {.images = 40, .seconds = 0.1}).rows;
  EXPECT_GE(plan.rows.size(), 2U);
  EXPECT_LT(plan.rows.size(), 40U);
  const CacheStats filled = cache->stats();
  const LoaderSpeed cached = measure_loader(plan, {.images = 40, .seconds = 10});
  EXPECT_EQ(cache->stats().misses, filled.misses);
  EXPECT_GE(cache->stats().hits - filled.hits, 40U) << "the few images are taken again and again";
  EXPECT_EQ(cached.rows.size(), plan.rows.size());
}

TEST(StageSpeed, NamesAnImageWhenNoneCanBeRead) {
  const TemporaryFolder folder;
  write_tiny_images(folder.path(), 1, 1);
  for (const char* kind : {"flat", "upright"}) std::ofstream(folder / "train" / kind / "0.png") << "not an image";
  EXPECT_THROW(measure_stages(tiny_block(folder.path()).loaders()), core::DataError);
}

TEST(StageSpeed, SuggestsACacheThatFits) {
  EXPECT_EQ(speeds_of(0.1, 6.3, 1.6, 2).suggestion(),
            "decode takes 63 %: do it once for all epochs with `cache` ram: 1522 images need 1.2 GB");
  StageSpeeds tight = speeds_of(8, 1, 0.5, 0.5);
  tight.free_memory_bytes = 2'000'000'000;
  EXPECT_EQ(tight.suggestion(),
            "read takes 80 %: the disk is slow; read each image once with `cache` disk: 1522 images need 1.2 GB, and "
            "2.0 GB of memory are free");
  EXPECT_EQ(speeds_of(1, 1, 1, 2).suggestion(),
            "warp takes 40 %, which a cache does not save: more cores help, or a smaller `size`");
  EXPECT_EQ(speeds_of(1, 1, 1, 1, 6).suggestion(),
            "collate takes 60 %, which is mixing, or batches copied around unreadable images: try `mix` none, and "
            "`check_data`");
}

TEST(StageSpeed, TimesMixingAsPartOfCollating) {
  const TemporaryFolder folder;
  write_tiny_images(folder.path(), 8, 1);
  LoaderOptions options = {.batch_size = 16};
  const auto least_ms = [&] {  // of several: others may take the core meanwhile
    double least = 1e9;
    for (int i = 0; i < 5; ++i) {
      least = std::min(least,
                       measure_stages(tiny_block(folder.path(), 64).loaders(options), {.images = 16}).stages.back().ms);
    }
    return least;
  };
  const double plain = least_ms();
  options.mix.method = MixMethod::kMixup;
  EXPECT_GT(least_ms(), 2 * plain);
}

TEST(StageSpeed, IsAlsoJson) {
  const nlohmann::ordered_json json = speeds_of(1, 2, 3, 4).json();
  EXPECT_EQ(json["stages"][1]["stage"], "decode");
  EXPECT_EQ(json["stages"][1]["images_per_s"], 500);
  EXPECT_EQ(json["limited_by"], "warp");
}

}  // namespace

}  // namespace margay::data
