#include "margay/model/fused/activations.h"

#include <utility>

#include <ATen/Parallel.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/silu.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/utils.h>

#include "margay/model/fused/activation_kernel.h"
#include "margay/model/fused/channel_passes.h"
#include "margay/model/fused/recorded.h"

namespace margay::model {
namespace {

using fused::ActivationKernel;

bool has_kernel(const torch::Tensor& x) {
  return x.device().is_cpu() && x.layout() == torch::kStrided && x.scalar_type() == torch::kBFloat16 &&
         x.is_non_overlapping_and_dense();
}

/// Calls work(first, elements) for parts of them, in LibTorch's threads.
template <class Work>
void in_parts(const torch::Tensor& x, const Work& work) {
  constexpr std::int64_t kFewest = 16384;
  at::parallel_for(0, x.numel(), kFewest,
                   [&](std::int64_t begin, std::int64_t end) { work(begin, static_cast<std::size_t>(end - begin)); });
}

void write_values(const torch::Tensor& x, ActivationKernel::Value values, const torch::Tensor& y) {
  const auto* from = fused::elements<hwy::bfloat16_t>(x);
  auto* to = fused::elements<hwy::bfloat16_t>(y);
  in_parts(x, [&](std::int64_t first, std::size_t n) { values(from + first, n, to + first); });
}

struct Silu {
  static constexpr const char* kName = "margay::silu";
  static torch::Tensor by_operator(const torch::Tensor& x) { return at::silu(x); }
  static ActivationKernel::Value values() { return fused::activation_kernel().silu; }
  static ActivationKernel::Gradient gradients() { return fused::activation_kernel().silu_gradient; }
  static torch::Tensor slope(const torch::Tensor& x) {
    const torch::Tensor sigmoid = x.sigmoid();
    return sigmoid * (1 + x * (1 - sigmoid));
  }
};

struct Gelu {
  static constexpr const char* kName = "margay::gelu";
  static torch::Tensor by_operator(const torch::Tensor& x) { return at::gelu(x); }
  static ActivationKernel::Value values() { return fused::activation_kernel().gelu; }
  static ActivationKernel::Gradient gradients() { return fused::activation_kernel().gelu_gradient; }
  static torch::Tensor slope(const torch::Tensor& x) {
    constexpr double kRootOfHalf = 0.70710678118654752440;
    constexpr double kRootOfTwoPi = 2.50662827463100050242;
    return (1 + (x * kRootOfHalf).erf()) / 2 + x * (x * x / -2).exp() / kRootOfTwoPi;
  }
};

template <class Activation>
class ActivationFunction : public torch::autograd::Function<ActivationFunction<Activation>> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x) {
    torch::Tensor y = torch::empty_like(x);
    write_values(x, Activation::values(), y);
    context->save_for_backward({x});
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& output_gradients) {
    const torch::Tensor x = context->get_saved_variables().front();
    const torch::Tensor& gradient = output_gradients.front();
    if (torch::GradMode::is_enabled()) {  // for gradients of it
      return {gradient * Activation::slope(x.to(torch::kFloat)).to(x.scalar_type())};
    }
    return {x_gradient(gradient, x)};
  }

 private:
  static torch::Tensor x_gradient(const torch::Tensor& gradient, const torch::Tensor& x) {
    torch::Tensor result = torch::empty_like(x);
    // In the order of x in memory.
    const torch::Tensor same = gradient.strides() == x.strides() ? gradient : torch::empty_like(x).copy_(gradient);
    const auto* gradients = fused::elements<hwy::bfloat16_t>(same);
    const auto* values = fused::elements<hwy::bfloat16_t>(x);
    auto* to = fused::elements<hwy::bfloat16_t>(result);
    const ActivationKernel::Gradient write = Activation::gradients();
    in_parts(x, [&](std::int64_t first, std::size_t n) { write(gradients + first, values + first, n, to + first); });
    return result;
  }
};

template <class Activation>
torch::Tensor activated(torch::Tensor x) {
  if (!has_kernel(x)) return Activation::by_operator(x);
  const bool has_graph = torch::GradMode::is_enabled() && x.requires_grad();
  const bool may_overwrite = fused::is_ours_alone(x);
  return fused::recorded<1>(Activation::kName, {x}, [&] {
    if (has_graph) return ActivationFunction<Activation>::apply(x);
    const torch::Tensor y = may_overwrite ? x : torch::empty_like(x);
    write_values(x, Activation::values(), y);
    return y;
  });
}

}  // namespace

torch::Tensor apply_silu(torch::Tensor x) { return activated<Silu>(std::move(x)); }
torch::Tensor apply_gelu(torch::Tensor x) { return activated<Gelu>(std::move(x)); }

}  // namespace margay::model
