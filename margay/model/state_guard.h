#pragma once

#include <vector>

#include <c10/core/Device.h>
#include <torch/types.h>

#include "margay/model/random_state.h"

namespace margay::model {

/// While it lives a network may be run once more, in train mode too: at its end the statistics of batch norms and the
/// random numbers to come are what they were at its beginning.
class StateGuard {
 public:
  /// buffers: those of the network. device: where it is.
  StateGuard(const std::vector<torch::Tensor>& buffers, c10::Device device);
  StateGuard(const StateGuard&) = delete;
  StateGuard& operator=(const StateGuard&) = delete;
  ~StateGuard();

 private:
  std::vector<torch::Tensor> buffers_;
  std::vector<torch::Tensor> values_;  ///< copies
  RandomState random_;
};

}  // namespace margay::model
