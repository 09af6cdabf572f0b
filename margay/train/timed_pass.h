#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "margay/data/loader/loader.h"
#include "margay/train/device_prefetcher.h"

namespace margay::train {

/// One walk over a loader, with the images and the seconds that it took.
class TimedPass {
 public:
  /// copy: outlives the pass; or null, on the CPU. first_batch: where the walk begins.
  TimedPass(const data::Loader& loader, std::int64_t epoch, BatchCopy* copy, std::int64_t first_batch = 0)
      : batches_(loader.pass(epoch, first_batch), copy) {}

  std::optional<data::Batch> next() {
    std::optional<data::Batch> batch = batches_.next();
    if (batch) images_ += batch->size();
    return batch;
  }
  double seconds() const {
    return std::max(1e-9, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count());
  }
  double images_per_s() const { return static_cast<double>(images_) / seconds(); }
  /// In the batches so far.
  std::int64_t images() const { return images_; }
  double waited_s() const { return batches_.waited_s(); }
  /// Images skipped since the last call.
  std::span<const data::SkippedImage> newly_skipped() {
    const std::span<const data::SkippedImage> all = batches_.skipped();
    return all.subspan(std::exchange(seen_, all.size()));
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  DevicePrefetcher batches_;
  std::int64_t images_ = 0;
  std::size_t seen_ = 0;  ///< of the skipped ones
};

}  // namespace margay::train
