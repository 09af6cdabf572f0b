#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <ATen/core/Generator.h>
#include <c10/core/Device.h>
#include <torch/nn/module.h>
#include <torch/types.h>

namespace margay::model {

/// The state of the generators from which dropout draws: that of a DrawScope, or LibTorch's default ones, the CPU's and
/// that of a CUDA device.
class RandomState {
 public:
  /// As it is now.
  explicit RandomState(c10::Device device);
  /// Restores the generators to this state.
  void restore() const;

 private:
  struct Kept {
    at::Generator generator;
    torch::Tensor state;
  };

  void keep(at::Generator generator);

  std::vector<Kept> kept_;
};

/// Allows an extra run of a network, even in train mode, during its lifetime: at its end it restores the statistics of
/// batch norms and the state of the random generators.
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

/// Restores the mode (train or eval) of every module of a network at the end of its lifetime.
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
