#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "margay/core/options.h"

namespace margay::train {

struct AutoBatchOptions {
  /// None: what is free.
  std::optional<std::int64_t> memory_limit_mb;
  std::int64_t largest = 1024;
  double safety = 0.9;

  static const core::OptionTable& fields();
};

/// The bytes that training with a batch of so many images needs, or 0 if it only can tell by trying: it throws
/// c10::OutOfMemoryError, std::bad_alloc, or an error of LibTorch that says so, where there is not enough memory. More
/// images never need less.
using BatchProbe = std::function<std::uint64_t(std::int64_t batch_size)>;

/// The largest batch that fits: a multiple of 8 up to options.largest, or 4 or 2 where 8 do not fit. A batch fits if it
/// needs no more than the safe share of the memory limit (none: any number of bytes) and the probe does not run out of
/// memory; where that has decided, the safe share of the batch is taken. Doubles, then bisects, so it asks about
/// 2·log2(largest / 8) times. Throws core::Error when not even 2 images fit, and what else the probe throws.
std::int64_t find_batch_size(const BatchProbe& probe, const AutoBatchOptions& options);

}  // namespace margay::train
