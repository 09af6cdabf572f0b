#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <tuple>
#include <utility>

#include "margay/core/options.h"
#include "margay/data/cache/cache_kind.h"
#include "margay/data/image/read_image.h"
#include "margay/data/transform/mix.h"

namespace margay::data {

/// What happens when a picture cannot be read.
enum class Unreadable { kSkip, kStop };

constexpr auto names(Unreadable /*tag*/) {
  return std::array{std::pair{Unreadable::kSkip, "skip"}, std::pair{Unreadable::kStop, "stop"}};
}

/// What is done about classes of different sizes in training: nothing; pictures of rare classes are drawn more often
/// (the loader's work); or their losses weigh more (the learner's work; the loader serves as for none).
enum class Balance { kNone, kSampler, kWeights };

constexpr auto names(Balance /*tag*/) {
  return std::array{std::pair{Balance::kNone, "none"}, std::pair{Balance::kSampler, "sampler"},
                    std::pair{Balance::kWeights, "weights"}};
}

/// Whether batches lie in page-locked memory, from which copies to a GPU run beside its work. Auto: where CUDA is.
enum class PinMemory { kAuto, kOn, kOff };

constexpr auto names(PinMemory /*tag*/) {
  return std::array{std::pair{PinMemory::kAuto, "auto"}, std::pair{PinMemory::kOn, "on"},
                    std::pair{PinMemory::kOff, "off"}};
}

/// Who makes the network's input of presized pictures: the loader's threads, one picture after another, or the device
/// where the network computes, a batch at once (augment_batch).
enum class AugmentOn { kLoader, kDevice };

constexpr auto names(AugmentOn /*tag*/) {
  return std::array{std::pair{AugmentOn::kLoader, "loader"}, std::pair{AugmentOn::kDevice, "device"}};
}

/// How loading threads compete for cores. Idle: they run only where a core would otherwise idle, and so fill the gaps
/// that training leaves, instead of interrupting parallel regions, where every delay of one core costs all of them.
/// Beside other programs' work they starve. Auto: idle, but normal for a minute whenever they starve while the training
/// waits for them.
enum class WorkerPriority { kAuto, kIdle, kNormal };

constexpr auto names(WorkerPriority /*tag*/) {
  return std::array{std::pair{WorkerPriority::kAuto, "auto"}, std::pair{WorkerPriority::kIdle, "idle"},
                    std::pair{WorkerPriority::kNormal, "normal"}};
}

struct LoaderOptions {
  int batch_size = 64;
  std::optional<int> num_workers;
  WorkerPriority worker_priority = WorkerPriority::kAuto;
  int prefetch = 3;
  std::uint64_t seed = 42;
  Unreadable unreadable = Unreadable::kSkip;
  bool drop_last = true;
  Balance balance = Balance::kNone;
  AugmentOn augment_on = AugmentOn::kLoader;
  PinMemory pin_memory = PinMemory::kAuto;
  CacheKind cache = CacheKind::kOff;
  std::optional<int> cache_limit_mb;
  std::filesystem::path cache_folder;
  std::int64_t max_pixels = ReadOptions().max_pixels;
  MixOptions mix;
  /// This process among those that train together, 0 … world-1. Not in the table: every process has its own.
  int rank = 0;
  int world = 1;  ///< how many processes train together, at least 1

  static constexpr const char* kName = "loader";
  static constexpr auto fields() {
    return std::tuple{
        core::field("batch_size", &LoaderOptions::batch_size, "pictures in one step", {1, 65536}),
        core::field("num_workers", &LoaderOptions::num_workers, "loading threads; one per core unless given", {1, 512}),
        core::field("worker_priority", &LoaderOptions::worker_priority,
                    "how loading threads compete for cores: idle (they only use what nobody else does), normal, or "
                    "auto (idle, but normal for a while when they starve beside other programs)"),
        core::field("prefetch", &LoaderOptions::prefetch, "batches held ready or in the making at most", {1, 64}),
        core::field("seed", &LoaderOptions::seed, "of order and augmentation; the same seed, the same batches"),
        core::field("unreadable", &LoaderOptions::unreadable,
                    "a picture that cannot be read: skip (and report) or stop"),
        core::field("drop_last", &LoaderOptions::drop_last,
                    "leave out the last, smaller batch of a training pass, unless it is the only one"),
        core::field("balance", &LoaderOptions::balance,
                    "classes of different sizes: none, sampler (rare ones are drawn more often) or weights (they weigh "
                    "more in the loss)"),
        core::field(
            "augment_on", &LoaderOptions::augment_on,
            "who makes the network's input of presized pictures: loader (its threads) or device (a batch at once, "
            "for a GPU beside few cores)"),
        core::field("pin_memory", &LoaderOptions::pin_memory,
                    "page-locked batches, for copies to a GPU: auto (where there is one), on or off"),
        core::field("cache", &LoaderOptions::cache, "presized pictures are kept for the next epoch: off, ram or disk"),
        core::field("cache_limit_mb", &LoaderOptions::cache_limit_mb,
                    "what the cache may take, megabytes; half of the free memory (ram) or disk space unless given",
                    {1, 1e9}),
        core::field("cache_folder", &LoaderOptions::cache_folder, "where the cache on disk lies; disk needs it"),
        core::field("max_pixels", &LoaderOptions::max_pixels,
                    "a picture that claims more pixels counts as unreadable, before memory is taken for it", {1, 1e12}),
        core::field("mix", &LoaderOptions::mix, "training pictures and their targets are mixed")};
  }
};

}  // namespace margay::data
