#pragma once

#include <array>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

namespace margay::model {

/// Whether activations are kept for the backward pass (kOff) or computed again (kOn): less memory, more time.
enum class GradientCheckpointing { kOff, kOn };

constexpr auto names(GradientCheckpointing /*tag*/) {
  return std::array{std::pair{GradientCheckpointing::kOff, "off"}, std::pair{GradientCheckpointing::kOn, "on"}};
}

/// A part of a network that can be run on its own, and run again.
struct Segment {
  /// Must give the same result whenever it is run on the same tensor with the same random numbers. It must not change
  /// its input, and keeps alive what it needs.
  std::function<torch::Tensor(const torch::Tensor&)> run;
  /// The modules whose parameters and buffers `run` uses.
  std::vector<std::shared_ptr<torch::nn::Module>> modules;
};

/// Returns segment.run(x) and keeps only x for the backward pass, which runs the segment again (Chen, Xu, Zhang,
/// Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016). Result, gradients of x and of the parameters,
/// statistics of batch norms and random numbers are the same bits as without it, as far as the device's operators are
/// deterministic: the second run uses the autocast and the random numbers of the first, and the statistics are updated
/// once. x and some parameters need not require a gradient. If nothing does, the segment is just run. Between forward
/// and backward the modules must not be switched between train and eval mode. Gradients of gradients (create_graph) are
/// refused with std::invalid_argument.
torch::Tensor checkpointed(const Segment& segment, const torch::Tensor& x);

}  // namespace margay::model
