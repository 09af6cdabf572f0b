#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>

#include "margay/loss/activation.h"
#include "margay/loss/cross_entropy.h"

namespace margay::loss {
namespace {

/// float64 [N,K] of any scale, and targets in range.
struct PropertyCase {
  torch::Tensor logits;
  torch::Tensor targets;
};

PropertyCase any_property_case() {
  const auto n = *rc::gen::inRange<std::int64_t>(1, 6);
  const auto k = *rc::gen::inRange<std::int64_t>(1, 9);
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const double scale = *rc::gen::elementOf(std::vector<double>{1e-3, 1, 30, 1e4});
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return {torch::randn({n, k}, generator, torch::kDouble) * scale, torch::randint(k, {n}, generator, torch::kLong)};
}

double largest_difference(const torch::Tensor& tensor) { return tensor.abs().max().item<double>(); }

RC_GTEST_PROP(SoftmaxProperty, RowsAreProbabilities, ()) {
  const torch::Tensor p = loss::softmax(any_property_case().logits);
  RC_ASSERT(largest_difference(p.sum(1) - 1) < 1e-12);
  RC_ASSERT(p.min().item<double>() >= 0);
}

RC_GTEST_PROP(SoftmaxProperty, AddingAConstantToARowChangesNothing, ()) {
  const PropertyCase any = any_property_case();
  const torch::Tensor shifted = any.logits + 17.25;
  RC_ASSERT(largest_difference(loss::softmax(shifted) - loss::softmax(any.logits)) < 1e-9);
  RC_ASSERT(largest_difference(cross_entropy(shifted, any.targets) - cross_entropy(any.logits, any.targets)) < 1e-9);
}

RC_GTEST_PROP(CrossEntropyProperty, GradientIsSoftmaxMinusOnehotOverN, ()) {
  const PropertyCase any = any_property_case();
  const torch::Tensor z = any.logits.clone().requires_grad_();
  const torch::Tensor loss = cross_entropy(z, any.targets);
  RC_ASSERT(loss.item<double>() >= 0);
  loss.backward();
  const torch::Tensor onehot = torch::one_hot(any.targets, z.size(1));
  const torch::Tensor expected = (loss::softmax(any.logits) - onehot) / z.size(0);
  RC_ASSERT(largest_difference(z.grad() - expected) < 1e-12);
}

}  // namespace
}  // namespace margay::loss
