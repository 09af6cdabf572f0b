#pragma once

#include <functional>
#include <memory>

#include <torch/types.h>

#include "margay/data/loader/batch.h"

namespace margay::train {

/// Copies batches to a device beside the work that it does.
class BatchCopy {
 public:
  virtual ~BatchCopy() = default;
  /// Puts copies on the device in the place of the batch's tensors, and lets `finish` do with them what is left to do,
  /// in the same order. All of it is still being written when this returns.
  virtual void begin(data::Batch& batch, const std::function<void(data::Batch&)>& finish) = 0;
  /// Makes the device's later work, of this thread's current stream, wait for what begin() began.
  virtual void await(const data::Batch& batch) = 0;
};

/// For batches of the loader, to this device; null for the CPU, where they already are.
std::unique_ptr<BatchCopy> batch_copy(torch::Device device);

}  // namespace margay::train
