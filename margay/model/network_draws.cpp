#include "margay/model/network_draws.h"

#include <utility>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

namespace margay::model {
namespace {

thread_local std::optional<at::Generator> current_generator;

/// Of the kind of the device's default generator.
at::Generator new_generator(std::uint64_t key, c10::Device device) {
  if (device.is_cpu()) return at::make_generator<at::CPUGeneratorImpl>(key);
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(key);
  return generator;
}

/// LibTorch keeps this mode for tests: operators look here first while it is on.
constexpr c10::DispatchKey kDrawsNothing = c10::DispatchKey::TESTING_ONLY_GenericMode;

void draw_nothing(const c10::OperatorHandle& draw, torch::jit::Stack* stack) {
  stack->resize(stack->size() - draw.schema().arguments().size() + 1);  // the tensor, its first argument, is the result
}

// When the program starts, which takes 2 ms: later, other threads might be computing.
TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericMode, library) { library.fallback(torch::CppFunction::makeFallthrough()); }

TORCH_LIBRARY_IMPL(aten, TESTING_ONLY_GenericMode, library) {
  library.impl("uniform_", torch::CppFunction::makeFromBoxedFunction<&draw_nothing>());
  library.impl("normal_", torch::CppFunction::makeFromBoxedFunction<&draw_nothing>());
}

}  // namespace

WithoutDraws::WithoutDraws() : was_here_(is_here()) { c10::impl::tls_set_dispatch_key_included(kDrawsNothing, true); }
WithoutDraws::~WithoutDraws() { c10::impl::tls_set_dispatch_key_included(kDrawsNothing, was_here_); }

bool WithoutDraws::is_here() { return c10::impl::tls_is_dispatch_key_included(kDrawsNothing); }

std::optional<at::Generator> drawing_generator() { return current_generator; }

c10::optional<at::Generator> drawing_argument() {
  if (!current_generator) return c10::nullopt;
  return *current_generator;
}

DrawScope::DrawScope(std::uint64_t key, c10::Device device) : DrawScope(new_generator(key, device)) {}

DrawScope::DrawScope(std::optional<at::Generator> generator)
    : before_(std::exchange(current_generator, std::move(generator))) {}

DrawScope::~DrawScope() { current_generator = std::move(before_); }

torch::Tensor DropoutImpl::forward(const torch::Tensor& x) {
  const double p = options.p();
  if (!drawing_generator() || !is_training() || p == 0) return torch::nn::DropoutImpl::forward(x);
  if (p == 1) return x * 0;
  const torch::Tensor kept = at::empty_like(x).bernoulli_(1 - p, drawing_argument());
  return x * kept.div_(1 - p);
}

}  // namespace margay::model
