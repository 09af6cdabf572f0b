#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <thread>

#include <ATen/Context.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/types.h>

#include "margay/core/machine.h"
#include "margay/core/threads.h"
#include "margay/data/cache/image_cache.h"
#include "margay/data/loader/batch.h"
#include "margay/data/loader/loader.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

using namespace std::chrono_literals;
using testing_support::all_batches;
using testing_support::TemporaryFolder;
using testing_support::tiny_block;
using testing_support::write_tiny_images;

void expect_equal(const std::vector<Batch>& a, std::span<const Batch> b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].ids, b[i].ids);
    EXPECT_EQ(a[i].index, b[i].index);
    EXPECT_TRUE(a[i].images.equal(b[i].images));
    EXPECT_TRUE(a[i].targets.equal(b[i].targets));
  }
}

class LoaderPassTest : public testing::Test {
 protected:
  LoaderPassTest() { write_tiny_images(folder_.path(), 9, 3); }

  Loaders loaders(const LoaderOptions& options) const { return tiny_block(folder_.path()).loaders(options); }

  TemporaryFolder folder_;
};

TEST_F(LoaderPassTest, BeginsInTheMiddleWithTheSameBatches) {
  for (const Balance balance : {Balance::kNone, Balance::kSampler}) {
    const Loader train = loaders({.batch_size = 4, .drop_last = false, .balance = balance}).train;
    const std::vector<Batch> whole = all_batches(train.pass(2));
    ASSERT_EQ(whole.size(), 5U);
    for (std::size_t first = 0; first <= whole.size(); ++first) {
      expect_equal(all_batches(train.pass(2, static_cast<std::int64_t>(first))), std::span(whole).subspan(first));
    }
    EXPECT_THROW(train.pass(2, 6), std::invalid_argument);
    EXPECT_THROW(train.pass(2, -1), std::invalid_argument);
  }
}

TEST_F(LoaderPassTest, GivesTheSameBatchesWhenTheDeviceAugments) {
  std::ofstream(folder_ / "train/flat/3.png") << "not an image";
  for (const CacheKind cache : {CacheKind::kOff, CacheKind::kRam}) {
    for (const MixMethod method : {MixMethod::kNone, MixMethod::kBoth}) {
      LoaderOptions options = {.batch_size = 4, .cache = cache, .mix = {.method = method}};
      const auto block = tiny_block(folder_.path()).batch_transform(augment({.size = 16, .min_scale = 0.5}));
      const Loaders by_threads = block.loaders(options);
      options.augment_on = AugmentOn::kDevice;
      const Loaders by_device = block.loaders(options);
      for (const auto& [expected, actual] :
           {std::pair{all_batches(by_threads.train.pass(1)), all_batches(by_device.train.pass(1))},
            {all_batches(by_threads.valid->pass()), all_batches(by_device.valid->pass())}}) {
        ASSERT_EQ(actual.size(), expected.size());
        for (std::size_t i = 0; i < actual.size(); ++i) {
          EXPECT_EQ(actual[i].ids, expected[i].ids);
          EXPECT_TRUE(actual[i].draws.empty());
          EXPECT_TRUE(actual[i].images.is_contiguous(torch::MemoryFormat::ChannelsLast));
          EXPECT_LT((actual[i].images - expected[i].images).abs().max().item<double>(), 0.01);
          EXPECT_TRUE(actual[i].targets.equal(expected[i].targets));
        }
      }
    }
  }
}

TEST_F(LoaderPassTest, LeavesWholeBatchesToWhoeverFinishesThem) {
  const Loaders data =
      loaders({.batch_size = 4, .augment_on = AugmentOn::kDevice, .mix = {.method = MixMethod::kMixup}});
  LoaderPass pass = data.train.pass(0);
  std::optional<Batch> batch = pass.next_unfinished();
  EXPECT_EQ(batch->images.sizes(), (std::vector<std::int64_t>{4, 24, 24, 3}));
  EXPECT_EQ(batch->images.scalar_type(), torch::kByte);
  EXPECT_EQ(batch->draws.size(), 4U);
  EXPECT_EQ(batch->targets.dim(), 1);
  pass.finish(*batch);
  const Batch whole = *data.train.pass(0).next();
  EXPECT_TRUE(batch->images.equal(whole.images));
  EXPECT_TRUE(batch->targets.equal(whole.targets));
}

TEST_F(LoaderPassTest, KeepsTheLastSmallerBatchWhenAsked) {
  const Loaders data = loaders({.batch_size = 4, .drop_last = false});
  EXPECT_EQ(data.train.num_batches(), 5);
  EXPECT_EQ(all_batches(data.train.pass()).back().size(), 2);
  EXPECT_EQ(all_batches(loaders({.batch_size = 4}).valid->pass()).back().size(), 2);  // validation always does
}

TEST_F(LoaderPassTest, TakesOverWhatWasPrepared) {
  const Loader train = loaders({.batch_size = 4, .prefetch = 2}).train;
  const std::vector<Batch> expected = all_batches(train.pass(1));
  train.prepare(1);
  train.prepare(1);
  expect_equal(all_batches(train.pass(1)), expected);
  expect_equal(all_batches(train.pass(1)), expected);  // taken only once
}

TEST_F(LoaderPassTest, LoadsAheadWhatPrefetchAllowsAndNoMore) {
  const Loader plain = loaders({.batch_size = 2, .num_workers = 3, .prefetch = 3}).train;
  const auto cache = std::make_shared<RamCache>(1'000'000);
  const Loader train(std::make_shared<Dataset>(plain.dataset()), plain.pipeline(), Phase::kTrain, plain.options(),
                     cache);
  const auto loads = [&](std::uint64_t images) {
    for (int i = 0; i < 1000 && cache->stats().misses < images; ++i) std::this_thread::sleep_for(10ms);
    std::this_thread::sleep_for(30ms);  // for one too many
    return cache->stats().misses;
  };
  train.prepare(0);
  EXPECT_EQ(loads(6), 6U);  // of 18
  LoaderPass pass = train.pass(0);
  EXPECT_EQ(loads(6), 6U);
  EXPECT_TRUE(pass.is_ready());
  pass.next();
  EXPECT_EQ(loads(8), 8U);
}

TEST_F(LoaderPassTest, WritesIntoTheMemoryOfBatchesThatWereDropped) {
  PixelMemory memory(PinMemory::kOff, {.side = 16}, 2);
  const void* first = memory.take(4).data_ptr();
  const at::Tensor other = torch::empty({4, 16, 16, 3});  // would get it if it had been given back
  EXPECT_EQ(memory.take(4).data_ptr(), first);

  constexpr int kPrefetch = 2;
  const Loader train =
      loaders({.batch_size = 1, .num_workers = 2, .prefetch = kPrefetch, .pin_memory = PinMemory::kOff}).train;
  std::set<const void*> places;
  LoaderPass pass = train.pass(0);
  while (const auto batch = pass.next()) places.insert(batch->images.data_ptr());
  EXPECT_LE(places.size(), kPrefetch + 2U) << "of 18 batches";
}

/// A cache that keeps nothing and lets nobody go on before it is opened.
class Gate : public ImageCache {
 public:
  const CachedImage* find(const CacheKey& /*key*/, CachedImage& /*room*/) override {
    opened_.wait(false);
    return nullptr;
  }
  void keep(const CacheKey& /*key*/, const CachedImage& /*image*/) override {}
  CacheStats stats() const override { return {}; }

  void open() {
    opened_ = true;
    opened_.notify_all();
  }

 private:
  std::atomic<bool> opened_ = false;
};

/// A cache that keeps nothing, takes its time for it, and knows who asked.
class SlowCache : public ImageCache {
 public:
  const CachedImage* find(const CacheKey& /*key*/, CachedImage& /*room*/) override {
    {
      const std::lock_guard lock(mutex_);
      threads_.insert(std::this_thread::get_id());
    }
    const auto end = std::chrono::steady_clock::now() + 3ms;
    while (std::chrono::steady_clock::now() < end) {
    }
    return nullptr;
  }
  void keep(const CacheKey& /*key*/, const CachedImage& /*image*/) override {}
  CacheStats stats() const override { return {}; }

  std::set<std::thread::id> threads() const {
    const std::lock_guard lock(mutex_);
    return threads_;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::thread::id> threads_;
};

/// The training loader, and the images slow to load.
std::pair<Loader, std::shared_ptr<SlowCache>> slow_loader(const Loader& plain) {
  auto cache = std::make_shared<SlowCache>();
  return {Loader(std::make_shared<Dataset>(plain.dataset()), plain.pipeline(), Phase::kTrain, plain.options(), cache),
          cache};
}

TEST_F(LoaderPassTest, LoadsAHandfulWithoutThreads) {
  const TemporaryFolder folder;
  write_tiny_images(folder.path(), 2, 1);
  const auto [loader, cache] =
      slow_loader(tiny_block(folder.path()).loaders({.batch_size = 2, .num_workers = 2}).train);
  EXPECT_EQ(all_batches(loader.pass()).size(), 2U);
  EXPECT_EQ(cache->threads(), std::set{std::this_thread::get_id()});
}

TEST_F(LoaderPassTest, GivesTheSameBatchesAtEveryPriority) {
  const std::vector<Batch> expected = all_batches(loaders({.batch_size = 4}).train.pass(1));
  for (const WorkerPriority priority : {WorkerPriority::kIdle, WorkerPriority::kNormal}) {
    const Loader train = loaders({.batch_size = 4, .num_workers = 2, .worker_priority = priority}).train;
    LoaderPass pass = train.pass(1);
    EXPECT_EQ(pass.has_idle_workers(), priority == WorkerPriority::kIdle);
    expect_equal(all_batches(std::move(pass)), expected);
  }
}

TEST_F(LoaderPassTest, ReplacesThreadsThatStarveBesideOtherPrograms) {
  write_tiny_images(folder_.path(), 150, 1);
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
  const testing_support::OrdinaryUser user;
  // More programs at normal priority than there are cores: nothing is left for idle threads.
  const auto others = core::start_threads(2 * core::available_cpus(), [](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
    }
  });
  const auto [loader, cache] = slow_loader(loaders({.batch_size = 4, .num_workers = 2}).train);
  const std::vector<Batch> expected = all_batches(loaders({.batch_size = 4}).train.pass(0));
  LoaderPass pass = loader.pass(0);
  EXPECT_TRUE(pass.has_idle_workers());
  std::vector<Batch> batches;
  while (pass.has_idle_workers()) {
    std::optional<Batch> batch = pass.next();
    ASSERT_TRUE(batch) << "nobody noticed in " << batches.size() << " batches";
    batches.push_back(std::move(*batch));
  }
  while (std::optional<Batch> batch = pass.next()) batches.push_back(std::move(*batch));
  expect_equal(batches, expected);
  EXPECT_FALSE(loader.pass(1).has_idle_workers()) << "the next pass need not find out again";
}

TEST_F(LoaderPassTest, GoesOnWithFewerThreadsWhereTheSystemHasNoMore) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer itself cannot live with a limit on addresses";
#endif
  const Loader plain = loaders({.batch_size = 1, .num_workers = 512, .prefetch = 1}).train;
  const auto gate = std::make_shared<Gate>();
  const Loader train(std::make_shared<Dataset>(plain.dataset()), plain.pipeline(), Phase::kTrain, plain.options(),
                     gate);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const auto taken = core::parse_kb_line(testing_support::file_content("/proc/self/status"), "VmSize");
  const rlimit scarce = {*taken + (64U << 20), before.rlim_max};  // a thread takes 8 MiB for its stack
  ASSERT_EQ(setrlimit(RLIMIT_AS, &scarce), 0);
  LoaderPass pass = train.pass(0);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  gate->open();
  EXPECT_EQ(all_batches(std::move(pass)).size(), 18U);
}

TEST_F(LoaderPassTest, DoesNotCallItsPartOfTheImagesAll) {
  for (int i = 0; i < 3; ++i) std::ofstream(folder_ / "valid/upright" / (std::to_string(i) + ".png")) << "broken";
  const Loaders whole = loaders({.batch_size = 3});
  LoaderPass rest = whole.valid->pass(0, 1);  // the second of two batches
  EXPECT_FALSE(rest.next());
  EXPECT_EQ(rest.skipped().size(), 3U);
  for (int i = 0; i < 3; ++i) {
    const Loaders part = loaders({.batch_size = 6, .rank = 3 + i, .world = 6});  // one image
    EXPECT_TRUE(all_batches(part.valid->pass()).empty());
  }
}

TEST_F(LoaderPassTest, IsSafeWhenWhatWasPreparedIsNotTaken) {
  const Loader train = loaders({.batch_size = 4}).train;
  const std::vector<Batch> expected = all_batches(train.pass(5));
  train.prepare(4);
  expect_equal(all_batches(train.pass(5)), expected);  // another epoch
  train.prepare(5);
  expect_equal(all_batches(train.pass(5, 2)), std::span(expected).subspan(2));  // another beginning
  train.prepare(5);
  const Loader copy = train;  // NOLINT: the copy is the point
  expect_equal(all_batches(copy.pass(5)), expected);
  train.prepare(6);  // never taken
}

TEST_F(LoaderPassTest, CanBePreparedByALoaderThatMoves) {
  Loader train = loaders({.batch_size = 4}).train;
  const std::vector<Batch> expected = all_batches(train.pass(3));
  train.prepare(3);
  Loader moved = std::move(train);
  expect_equal(all_batches(moved.pass(3)), expected);
  moved.prepare(3);
  Loader assigned = loaders({.batch_size = 2}).train;
  assigned.prepare(0);
  assigned = std::move(moved);
  expect_equal(all_batches(assigned.pass(3)), expected);
  assigned.prepare(3);
  assigned = loaders({.batch_size = 4}).train;
  expect_equal(all_batches(assigned.pass(3)), expected);
}

TEST_F(LoaderPassTest, NeverOverwritesABatchThatIsStillHeld) {
  const Loader train = loaders({.batch_size = 2, .prefetch = 1}).train;
  LoaderPass pass = train.pass(0);
  std::vector<at::Tensor> held;
  std::vector<at::Tensor> copies;
  while (const auto batch = pass.next()) {
    held.push_back(batch->images.slice(0, 0, 1));  // a view: the batch itself is let go
    copies.push_back(held.back().clone());
  }
  for (std::size_t i = 0; i < held.size(); ++i) EXPECT_TRUE(held[i].equal(copies[i]));
}

/// The images of each micro-batch of all batches of a pass, by all processes: [batch][micro-batch].
std::vector<std::vector<std::vector<std::size_t>>> micro_batches_of(const Loader& train, int world, int micro_batches) {
  std::vector<std::vector<std::vector<std::size_t>>> all(static_cast<std::size_t>(train.num_batches()));
  for (int rank = 0; rank < world; ++rank) {
    for (const Batch& batch : all_batches(train.shared_out(rank, world, micro_batches).pass(1))) {
      auto id = batch.ids.begin();
      for (const std::int64_t size : batch.micro_sizes) {
        all[static_cast<std::size_t>(batch.index)].emplace_back(id, id + size);
        id += size;
      }
    }
  }
  return all;
}

TEST_F(LoaderPassTest, DividesBatchesAlikeForAnyNumberOfProcesses) {
  const Loader train = loaders({.batch_size = 10, .drop_last = false}).train;  // of 18 images
  const auto alone = micro_batches_of(train, 1, 4);
  ASSERT_EQ(alone.size(), 2U);
  EXPECT_EQ(alone[0][0].size() + alone[0][1].size(), 6U) << "of ten images the first two have three";
  for (const auto& micro_batch : alone[1]) EXPECT_EQ(micro_batch.size(), 2U);
  EXPECT_EQ(micro_batches_of(train, 2, 4), alone);
  EXPECT_EQ(micro_batches_of(train, 4, 4), alone);
  std::vector<std::size_t> first;
  for (const auto& micro_batch : alone[0]) first.insert(first.end(), micro_batch.begin(), micro_batch.end());
  std::vector<std::size_t> whole = all_batches(train.pass(1))[0].ids;
  std::sort(first.begin(), first.end());
  std::sort(whole.begin(), whole.end());
  EXPECT_EQ(first, whole) << "the batch has the images that it has undivided";
}

TEST_F(LoaderPassTest, SharesValidationOutBatchByBatch) {
  const Loader valid = *loaders({.batch_size = 8}).valid;  // of 6 images
  std::vector<std::size_t> validated;
  for (int rank = 0; rank < 2; ++rank) {
    const Loader mine = valid.shared_out(rank, 2, 4);
    EXPECT_EQ(mine.total_batches(), 3);
    EXPECT_EQ(mine.num_batches(), rank == 0 ? 2 : 1);
    for (const Batch& batch : all_batches(mine.pass())) {
      EXPECT_EQ(batch.ids.front(), static_cast<std::size_t>(2 * (2 * batch.index + rank)));
      validated.insert(validated.end(), batch.ids.begin(), batch.ids.end());
    }
  }
  std::sort(validated.begin(), validated.end());
  EXPECT_EQ(validated, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5}));
}

TEST_F(LoaderPassTest, IsEmptyForAProcessWithoutAShare) {
  const Loaders data = loaders({.batch_size = 8, .rank = 7, .world = 8});
  EXPECT_EQ(data.valid->num_batches(), 0);
  EXPECT_TRUE(all_batches(data.valid->pass()).empty());
}

TEST_F(LoaderPassTest, RefusesSharesThatCannotBe) {
  EXPECT_THROW(loaders({.rank = 2, .world = 2}), std::invalid_argument);
  EXPECT_THROW(loaders({.rank = -1, .world = 2}), std::invalid_argument);
  EXPECT_THROW(loaders({.rank = 0, .world = 0}), std::invalid_argument);
  EXPECT_THROW(loaders({.rank = 0, .world = 19}), std::invalid_argument);
  EXPECT_THROW(loaders({}).train.shared_out(0, 2, 3), std::invalid_argument);
}

TEST_F(LoaderPassTest, PinsMemoryOnlyWhereThereIsCuda) {
  if (at::hasCUDA()) {
    EXPECT_TRUE(loaders({.batch_size = 4}).train.pass().next()->images.is_pinned());
    EXPECT_FALSE(loaders({.batch_size = 4, .pin_memory = PinMemory::kOff}).train.pass().next()->images.is_pinned());
  } else {
    EXPECT_FALSE(loaders({.batch_size = 4}).train.pass().next()->images.is_pinned());
    EXPECT_THROW(loaders({.pin_memory = PinMemory::kOn}), std::invalid_argument);
  }
}

TEST_F(LoaderPassTest, DrawsRareClassesAsOftenAsOthersWhenBalanced) {
  for (int i = 2; i < 9; ++i) std::filesystem::remove(folder_ / "train/flat" / (std::to_string(i) + ".png"));
  const Loader train = loaders({.batch_size = 11, .balance = Balance::kSampler}).train;
  ASSERT_EQ(train.dataset().size(), 11U);
  std::map<std::int64_t, int> counts;
  constexpr int kEpochs = 40;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    for (const Batch& batch : all_batches(train.pass(epoch))) {
      for (const std::size_t id : batch.ids) ++counts[train.dataset().target(id)];
    }
  }
  EXPECT_NEAR(counts[0], kEpochs * 11 / 2, 50);  // more than four standard deviations
  EXPECT_NEAR(counts[1], kEpochs * 11 / 2, 50);
}

}  // namespace

}  // namespace margay::data
