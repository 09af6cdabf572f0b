#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Generator.h>
#include <c10/core/Device.h>
#include <torch/nn/modules/dropout.h>
#include <torch/types.h>

namespace margay::model {

/// Where the draws inside a network (dropout, stochastic depth) come from on this thread: the generator of a DrawScope,
/// or nothing, which is LibTorch's default generator.
std::optional<at::Generator> drawing_generator();

/// While it lives, LibTorch fills no tensor of this thread with random numbers. Its layers draw their weights when they
/// are made, and know no other way; this is for networks that get their weights next. Nothing else may be computed
/// meanwhile.
class WithoutDraws {
 public:
  WithoutDraws();
  WithoutDraws(const WithoutDraws&) = delete;
  WithoutDraws& operator=(const WithoutDraws&) = delete;
  ~WithoutDraws();

  /// Whether one lives on this thread.
  static bool is_here();

 private:
  bool was_here_;
};

/// While it lives, networks draw on this thread from a generator of their own. The innermost scope counts.
class DrawScope {
 public:
  /// A new generator on the device, seeded with the key: the draws depend on nothing else.
  DrawScope(std::uint64_t key, c10::Device device);
  /// From this one; nothing: from LibTorch's default generator.
  explicit DrawScope(std::optional<at::Generator> generator);
  DrawScope(const DrawScope&) = delete;
  DrawScope& operator=(const DrawScope&) = delete;
  ~DrawScope();

 private:
  std::optional<at::Generator> before_;
};

/// An argument for LibTorch's random functions: drawing_generator().
c10::optional<at::Generator> drawing_argument();

/// torch::nn::Dropout whose draws are those of the DrawScope, if there is one.
class DropoutImpl : public torch::nn::DropoutImpl {
 public:
  using torch::nn::DropoutImpl::DropoutImpl;
  torch::Tensor forward(const torch::Tensor& x);
};
TORCH_MODULE(Dropout);

}  // namespace margay::model
