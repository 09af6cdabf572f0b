#pragma once

#include <vector>

#include <ATen/core/Generator.h>
#include <c10/core/Device.h>
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

}  // namespace margay::model
