#include "margay/data/loader/stage_speed.h"

#include <fstream>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/tiny_pictures.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;
using testing_support::tiny_block;
using testing_support::write_tiny_pictures;

StageSpeeds speeds_of(double read, double decode, double presize, double warp) {
  StageSpeeds speeds;
  speeds.stages = {{"read", read}, {"decode", decode}, {"presize", presize}, {"warp", warp}};
  speeds.pictures = 1522;
  speeds.cache_bytes = 1'200'000'000;
  speeds.free_memory_bytes = 8'000'000'000;
  return speeds;
}

TEST(StageSpeed, MeasuresEveryStageAndTheWholeLoader) {
  const TemporaryFolder folder;
  write_tiny_pictures(folder.path(), 4, 1);
  std::ofstream(folder / "train/flat/0.png") << "not a picture";
  const Loaders data = tiny_block(folder.path()).loaders({.batch_size = 4, .num_workers = 3});
  const StageSpeeds speeds = measure_stages(data.train, {.pictures = 100, .seconds = 1});
  ASSERT_EQ(speeds.stages.size(), 4U);
  for (const StageTime& each : speeds.stages) EXPECT_GT(each.ms, 0) << each.stage;
  EXPECT_EQ(speeds.measured, 7U);
  EXPECT_EQ(speeds.unreadable, 1U);
  EXPECT_EQ(speeds.pictures, 8U);
  EXPECT_EQ(speeds.workers, 3);
  EXPECT_EQ(speeds.cache_bytes, 8U * 24 * 24 * 3);
  EXPECT_GT(speeds.cold_images_per_s, 0);
  EXPECT_GT(speeds.cached_images_per_s, 0);
}

TEST(StageSpeed, NamesAPictureWhenNoneCanBeRead) {
  const TemporaryFolder folder;
  write_tiny_pictures(folder.path(), 1, 1);
  for (const char* kind : {"flat", "upright"}) std::ofstream(folder / "train" / kind / "0.png") << "not a picture";
  EXPECT_THROW(measure_stages(tiny_block(folder.path()).loaders().train), core::DataError);
}

TEST(StageSpeed, SuggestsACacheThatFits) {
  EXPECT_EQ(speeds_of(0.1, 6.3, 1.6, 2).suggestion(),
            "decode takes 63 %: do it once for all epochs with --cache ram: 1522 pictures need 1.2 GB");
  StageSpeeds tight = speeds_of(8, 1, 0.5, 0.5);
  tight.free_memory_bytes = 2'000'000'000;
  EXPECT_EQ(
      tight.suggestion(),
      "read takes 80 %: the disk is slow; read each picture once with --cache disk: 1522 pictures need 1.2 GB, and "
      "2.0 GB of memory are free");
  EXPECT_EQ(speeds_of(1, 1, 1, 2).suggestion(),
            "warp takes 40 %, which a cache does not save: more cores help, or a smaller --size");
}

TEST(StageSpeed, IsAlsoJson) {
  const nlohmann::ordered_json json = speeds_of(1, 2, 3, 4).json();
  EXPECT_EQ(json["stages"][1]["stage"], "decode");
  EXPECT_EQ(json["stages"][1]["images_per_s"], 500);
  EXPECT_EQ(json["limited_by"], "warp");
}

}  // namespace
}  // namespace margay::data
