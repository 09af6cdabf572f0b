#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <c10/core/Device.h>

#include "margay/data/loader/batch.h"
#include "margay/data/loader/loader.h"
#include "margay/data/loader/loader_pass.h"

namespace margay::data {

/// Copies batches to a device while the device computes.
class BatchCopy {
 public:
  virtual ~BatchCopy() = default;
  /// Replaces the batch's tensors by copies on the device and calls `finish` on them. Both are asynchronous: the copies
  /// are still being written when this returns.
  virtual void begin(Batch& batch, const std::function<void(Batch&)>& finish) = 0;
  /// Makes later work on this thread's current stream wait for the copies that begin() started.
  virtual void await(const Batch& batch) = 0;
};

/// The copier to this device; null for the CPU, where batches already are.
std::unique_ptr<BatchCopy> batch_copy(c10::Device device);

/// The batches of one pass, on the network's device. Without a copier (on the CPU) they are passed through. With one, a
/// batch that is ready is copied while the device works on the batch before. It never waits early for a batch that is
/// not ready, so the seconds waited and the position of an error are those of the pass.
class DevicePrefetcher {
 public:
  /// copy: outlives the prefetcher; or null.
  DevicePrefetcher(LoaderPass pass, BatchCopy* copy) : pass_(std::move(pass)), copy_(copy) {}

  /// As LoaderPass::next, including its errors.
  std::optional<Batch> next();
  /// As LoaderPass::waited_s.
  double waited_s() const { return pass_.waited_s(); }
  /// As LoaderPass::skipped; may be ahead by a batch.
  const std::vector<SkippedImage>& skipped() const { return pass_.skipped(); }

 private:
  std::optional<Batch> fetch();
  void prefetch();

  LoaderPass pass_;
  BatchCopy* copy_;
  std::optional<Batch> ahead_;      ///< being copied
  std::exception_ptr ahead_error_;  ///< thrown in its place
};

/// One pass over a loader that counts its images and seconds.
class TimedPass {
 public:
  /// copy: outlives the pass; or null, on the CPU. first_batch: where the walk begins.
  TimedPass(const Loader& loader, std::int64_t epoch, BatchCopy* copy, std::int64_t first_batch = 0)
      : TimedPass(loader.pass(epoch, first_batch), copy) {}
  TimedPass(LoaderPass pass, BatchCopy* copy) : batches_(std::move(pass), copy) {}

  std::optional<Batch> next() {
    std::optional<Batch> batch = batches_.next();
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
  const std::vector<SkippedImage>& skipped() const { return batches_.skipped(); }
  /// Images skipped since the last call.
  std::span<const SkippedImage> newly_skipped() {
    const std::span<const SkippedImage> all = batches_.skipped();
    return all.subspan(std::exchange(seen_, all.size()));
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  DevicePrefetcher batches_;
  std::int64_t images_ = 0;
  std::size_t seen_ = 0;  ///< of the skipped ones
};

}  // namespace margay::data
