#pragma once

#include <array>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

namespace margay::model {

/// Whether the backward pass finds the activations kept, or computes them again: less memory, more time.
enum class GradientCheckpointing { kOff, kOn };

constexpr auto names(GradientCheckpointing /*tag*/) {
  return std::array{std::pair{GradientCheckpointing::kOff, "off"}, std::pair{GradientCheckpointing::kOn, "on"}};
}

/// A part of a network that can be run by itself, twice.
struct Segment {
  /// Gives the same result whenever it is run on the same tensor with the same random numbers. It does not change its
  /// input, and keeps alive what it needs.
  std::function<torch::Tensor(const torch::Tensor&)> run;
  /// All whose parameters and buffers `run` uses.
  std::vector<std::shared_ptr<torch::nn::Module>> modules;
};

/// segment.run(x), of which only x is kept for the backward pass; there the segment is run again (Chen, Xu, Zhang,
/// Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016). Result, gradients of x and of the parameters,
/// statistics of batch norms and random numbers are the same bits as without, as far as the device's operators are
/// deterministic: the second run is under the autocast and with the random numbers of the first, and the statistics
/// count it once. x need not require a gradient, nor all parameters. Where nothing does, the segment is just run.
/// Between forward and backward the modules must not be switched between train and eval mode. Gradients of gradients
/// (create_graph) are refused with std::invalid_argument.
torch::Tensor checkpointed(const Segment& segment, const torch::Tensor& x);

}  // namespace margay::model
