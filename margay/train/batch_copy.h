#pragma once

#include <memory>

#include <torch/types.h>

#include "margay/data/loader/batch.h"

namespace margay::train {

/// Copies batches to a device beside the work that it does.
class BatchCopy {
 public:
  virtual ~BatchCopy() = default;
  /// Puts copies on the device in the place of the batch's tensors, which are still being written when this returns.
  virtual void begin(data::Batch& batch) = 0;
  /// Makes the device's later work, of this thread's current stream, wait for what begin() copied.
  virtual void finish(const data::Batch& batch) = 0;
};

/// For batches of the loader, to this device; null for the CPU, where they already are.
std::unique_ptr<BatchCopy> batch_copy(torch::Device device);

}  // namespace margay::train
