#include "margay/data/loader/device_prefetcher.h"

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/types.h>

namespace margay::data {

namespace {

/// Copies on a stream of its own, by LibTorch's interface for any device, so that it needs no CUDA to compile.
///
/// - The network never sees half a batch: `copied_` is recorded behind both copies and what finishes them, and block()
///   lets the working stream wait for it, not the processor. One event serves any number of batches: the stream works
///   in order, so a later recording only says more.
/// - The copy's memory belongs to the side stream. record_stream() tells the allocator that another stream uses it, so
///   it is not written again before that stream's work of then is done, even if the tensor is gone by then.
/// - The batch may be dropped at once: LibTorch's own allocator holds page-locked memory back until the side stream has
///   read it. From ordinary memory (batches without their unreadable images, targets) the driver has taken what it
///   needs when the call returns; only page-locked memory is copied beside the work.
class SideStreamCopy : public BatchCopy {
 public:
  explicit SideStreamCopy(torch::Device device)
      : device_(device),
        streams_(device.type()),
        side_(streams_.getStreamFromGlobalPool(device)),
        copied_(device.type()) {}

  void begin(Batch& batch, const std::function<void(Batch&)>& finish) override {
    const c10::StreamGuard on_the_side(side_);
    batch.images = copy_of(batch.images);
    batch.targets = copy_of(batch.targets);
    finish(batch);
    copied_.record(side_);
  }

  void await(const Batch& batch) override {
    const c10::Stream working = streams_.getStream(device_);
    copied_.block(working);
    batch.images.record_stream(working);
    batch.targets.record_stream(working);
  }

 private:
  torch::Tensor copy_of(const torch::Tensor& tensor) const {
    constexpr bool kNonBlocking = true;
    return tensor.to(side_.device(), tensor.scalar_type(), kNonBlocking);
  }

  torch::Device device_;
  c10::impl::VirtualGuardImpl streams_;
  c10::Stream side_;
  c10::Event copied_;
};

}  // namespace

std::unique_ptr<BatchCopy> batch_copy(torch::Device device) {
  if (device.is_cpu()) return nullptr;
  return std::make_unique<SideStreamCopy>(device);
}

std::optional<Batch> DevicePrefetcher::next() {
  if (copy_ == nullptr) return pass_.next();
  if (ahead_error_) std::rethrow_exception(std::exchange(ahead_error_, nullptr));
  std::optional<Batch> batch = ahead_ ? std::exchange(ahead_, std::nullopt) : fetch();
  if (!batch) return std::nullopt;
  copy_->await(*batch);
  prefetch();
  return batch;
}

std::optional<Batch> DevicePrefetcher::fetch() {
  std::optional<Batch> batch = pass_.next_unfinished();
  if (batch) copy_->begin(*batch, [this](Batch& copied) { pass_.finish(copied); });
  return batch;
}

void DevicePrefetcher::prefetch() {
  if (!pass_.is_ready()) return;
  try {
    ahead_ = fetch();
  } catch (...) {
    ahead_error_ = std::current_exception();  // the batch before it comes first
  }
}

}  // namespace margay::data
