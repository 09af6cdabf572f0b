#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <ATen/core/Generator.h>
#include <c10/core/Device.h>
#include <torch/nn/module.h>
#include <torch/types.h>

namespace margay::model {

/// Where LibTorch's own generators stand, from which dropout draws: the CPU's, and that of a CUDA device.
class RandomState {
 public:
  /// As it is now.
  explicit RandomState(c10::Device device);
  /// They draw from here on as they did from there on.
  void restore() const;

 private:
  struct Kept {
    at::Generator generator;
    torch::Tensor state;
  };

  void keep(c10::Device device);

  std::vector<Kept> kept_;
};

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
