#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <c10/core/Device.h>
#include <torch/nn/module.h>
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

/// While it lives a network may be put into train or eval mode: at its end every module is in the mode in which it was
/// at its beginning.
class ModeGuard {
 public:
  explicit ModeGuard(torch::nn::Module& network);
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;
  ~ModeGuard();

 private:
  std::vector<std::pair<std::shared_ptr<torch::nn::Module>, bool>> modes_;  ///< parents before their children
};

}  // namespace margay::model
