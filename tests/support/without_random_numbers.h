#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/DispatchKey.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

namespace margay::testing_support {

/// While it lives, LibTorch fills no tensor of this thread with random numbers, so that networks of a hundred million
/// parameters are made at once: for tests of their shapes, and for those that give them other numbers. Uses the mode
/// that LibTorch keeps for tests. One at a time.
class WithoutRandomNumbers {
 public:
  WithoutRandomNumbers() : others_(implementations("_")), fillers_(implementations("aten")) {
    others_.fallback(torch::CppFunction::makeFallthrough());
    fillers_.impl("uniform_", &keep);
    fillers_.impl("normal_", &keep);
  }

 private:
  static constexpr c10::DispatchKey kMode = c10::DispatchKey::TESTING_ONLY_GenericMode;

  static torch::Library implementations(const char* of) {
    return torch::Library(torch::Library::IMPL, of, kMode, __FILE__, __LINE__);
  }

  static at::Tensor& keep(at::Tensor& values, double, double, c10::optional<at::Generator>) { return values; }

  torch::Library others_;
  torch::Library fillers_;
  c10::impl::IncludeDispatchKeyGuard mode_{kMode};
};

}  // namespace margay::testing_support
