#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include "margay/core/options.h"
#include "margay/data/image/read_image.h"
#include "margay/data/transform/mix.h"

namespace margay::data {

/// Where presized images are kept between epochs.
enum class CacheKind { kOff, kRam, kDisk };

constexpr auto names(CacheKind /*tag*/) {
  return std::array{std::pair{CacheKind::kOff, "off"}, std::pair{CacheKind::kRam, "ram"},
                    std::pair{CacheKind::kDisk, "disk"}};
}

/// What happens when an image cannot be read.
enum class Unreadable { kSkip, kStop };

constexpr auto names(Unreadable /*tag*/) {
  return std::array{std::pair{Unreadable::kSkip, "skip"}, std::pair{Unreadable::kStop, "stop"}};
}

/// How training balances classes of different sizes: not at all; by drawing images of rare classes more often (done by
/// the loader); or by weighting their losses (done by the learner).
enum class Balance { kNone, kSampler, kWeights };

constexpr auto names(Balance /*tag*/) {
  return std::array{std::pair{Balance::kNone, "none"}, std::pair{Balance::kSampler, "sampler"},
                    std::pair{Balance::kWeights, "weights"}};
}

/// Whether batches are in page-locked memory, from which copies to a GPU run while it computes. Auto: if CUDA is
/// available.
enum class PinMemory { kAuto, kOn, kOff };

constexpr auto names(PinMemory /*tag*/) {
  return std::array{std::pair{PinMemory::kAuto, "auto"}, std::pair{PinMemory::kOn, "on"},
                    std::pair{PinMemory::kOff, "off"}};
}

/// Where presized images are augmented: in the loader's threads, one image after another, or on the network's device, a
/// batch at once (augment_batch).
enum class AugmentOn { kLoader, kDevice };

constexpr auto names(AugmentOn /*tag*/) {
  return std::array{std::pair{AugmentOn::kLoader, "loader"}, std::pair{AugmentOn::kDevice, "device"}};
}

/// How loading threads compete for cores. Idle: they run only on cores that would otherwise be idle, and so fill the
/// gaps of training instead of interrupting parallel regions, where every delay of one core delays all of them. Next to
/// other busy programs they starve. Auto: idle, but normal for a minute whenever they starve while training waits for
/// them.
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
  /// The rank of this process among those that train together, 0 … world-1. It is not in the table, since it differs
  /// between processes.
  int rank = 0;
  int world = 1;  ///< how many processes train together, at least 1
  /// How many parts a training batch is computed in, a multiple of `world`; 1: as many as processes. It is not in the
  /// table, since a learner says it (train::MicroBatchOptions).
  int micro_batches = 1;

  static const core::OptionTable& fields();
};

}  // namespace margay::data
