// The kernels against the same loss written with LibTorch's operators, over random shapes, types, strides and options.
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/cross_entropy.h"
#include "margay/loss/cross_entropy_formula.h"

namespace margay::loss {
namespace {

template <class T>
T one_of(std::vector<T> values) {
  return *rc::gen::elementOf(std::move(values));
}

struct Case {
  torch::Tensor logits;
  torch::Tensor targets;
  CrossEntropyOptions options;
};

/// [N,K], [N,K,d] or [N,K,d,d], with classes along any stride.
torch::Tensor any_logits(at::Generator& generator) {
  const auto n = *rc::gen::inRange<std::int64_t>(0, 6);
  const auto k = one_of<std::int64_t>({1, 2, 3, 15, 16, 17, 31, 32, 33, 37, 64, 100, 2047, 2048, 2049, 5000});
  const auto inner = one_of<std::vector<std::int64_t>>({{}, {3}, {2, 3}});
  std::vector<std::int64_t> last{n};
  last.insert(last.end(), inner.begin(), inner.end());
  last.push_back(k);
  const double scale = one_of<double>({1e-3, 1, 30, 1e4});
  const torch::Tensor contiguous = torch::randn(last, generator, torch::kDouble) * scale;
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      return contiguous.movedim(-1, 1);  // classes are neighbours in memory
    case 1:
      return contiguous.movedim(-1, 1).contiguous();
    default:
      return torch::cat({contiguous, contiguous}, -1)
          .narrow(-1, *rc::gen::inRange<std::int64_t>(0, k), k)
          .movedim(-1, 1);
  }
}

CrossEntropyOptions any_options(std::int64_t classes, at::Generator& generator) {
  CrossEntropyOptions options;
  options.reduction = one_of<Reduction>({Reduction::kMean, Reduction::kSum, Reduction::kNone});
  if (*rc::gen::arbitrary<bool>()) {
    const torch::Tensor w = torch::rand({classes}, generator, torch::kDouble) + 0.1;
    options.class_weights.assign(w.data_ptr<double>(), w.data_ptr<double>() + classes);
  }
  options.class_weighting = one_of<ClassWeighting>({ClassWeighting::kPerExample, ClassWeighting::kPerClass});
  options.label_smoothing = one_of<double>({0, 0, 0.1, 1});
  options.temperature = one_of<double>({1, 1, 0.5, 7});
  options.z_loss = one_of<double>({0, 0, 1e-2});
  options.logits_check = LogitsCheck::kNone;
  return options;
}

torch::Tensor any_targets(const torch::Tensor& logits, at::Generator& generator) {
  if (*rc::gen::arbitrary<bool>()) {
    return torch::softmax(torch::randn(logits.sizes(), generator, torch::kDouble), 1)
        .to(one_of<torch::ScalarType>({torch::kDouble, torch::kFloat}));
  }
  std::vector<std::int64_t> shape = logits.sizes().vec();
  shape.erase(shape.begin() + 1);
  const auto type = logits.size(1) <= 100
                        ? one_of<torch::ScalarType>({torch::kLong, torch::kInt, torch::kShort, torch::kByte})
                        : torch::kInt;
  torch::Tensor targets = torch::randint(logits.size(1), shape, generator, torch::kLong);
  if (type != torch::kByte && *rc::gen::arbitrary<bool>()) {
    targets = targets.masked_fill(torch::rand(shape, generator) < 0.3, -100);
  }
  return targets.to(type);
}

Case any_case() {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(*rc::gen::arbitrary<std::uint32_t>());
  const torch::Tensor logits = any_logits(generator);
  return {logits, any_targets(logits, generator), any_options(logits.size(1), generator)};
}

double largest(const torch::Tensor& tensor) { return tensor.numel() == 0 ? 0 : tensor.abs().max().item<double>(); }

struct Result {
  torch::Tensor loss;
  torch::Tensor gradient;
};

/// Loss, and gradient for a random upstream gradient.
template <class Loss>
Result run(const Loss& loss, const Case& any, torch::ScalarType type) {
  const torch::Tensor z = any.logits.to(type).detach().requires_grad_();
  const torch::Tensor value = loss(z, any.targets, any.options);
  value.backward(torch::linspace(0.5, 2, value.numel(), value.options()).view(value.sizes()));
  return {value.detach(), z.grad()};
}

/// Differences relative to the size of what is compared.
void expect_close(const Result& actual, const Result& expected, double tolerance) {
  const double loss_scale = 1 + largest(expected.loss);
  RC_ASSERT(actual.loss.sizes() == expected.loss.sizes());
  RC_ASSERT(largest(actual.loss.to(torch::kDouble) - expected.loss) <= tolerance * loss_scale);
  RC_ASSERT(actual.gradient.sizes() == expected.gradient.sizes());
  RC_ASSERT(largest(actual.gradient.to(torch::kDouble) - expected.gradient) <=
            tolerance * (1 + largest(expected.gradient)));  // 1: it is the difference of such numbers
}

RC_GTEST_PROP(CrossEntropyOracle, Float64AgreesWithTheFormula, ()) {
  const Case any = any_case();
  expect_close(run(cross_entropy, any, torch::kDouble), run(cross_entropy_formula, any, torch::kDouble), 1e-11);
}

RC_GTEST_PROP(CrossEntropyOracle, Float32AgreesWithTheFormulaInFloat64OfTheSameLogits, ()) {
  Case any = any_case();
  any.logits = any.logits.to(torch::kFloat).to(torch::kDouble);
  const double sharpness = 1 / std::min(1.0, any.options.temperature);
  expect_close(run(cross_entropy, any, torch::kFloat), run(cross_entropy_formula, any, torch::kDouble),
               1e-6 * sharpness);
}

RC_GTEST_PROP(CrossEntropyOracle, HalfPrecisionLosesOnlyTheRoundingOfTheGradient, ()) {
  Case any = any_case();
  const auto type = one_of<torch::ScalarType>({torch::kBFloat16, torch::kHalf});
  any.logits = any.logits.clamp(-3e4, 3e4).to(type).to(torch::kDouble);
  const Result actual = run(cross_entropy, any, type);
  const Result expected = run(cross_entropy_formula, any, torch::kDouble);
  RC_ASSERT(actual.loss.scalar_type() == torch::kFloat);
  RC_ASSERT(actual.gradient.scalar_type() == type);
  RC_ASSERT(largest(actual.loss.to(torch::kDouble) - expected.loss) <= 2e-5 * (1 + largest(expected.loss)));
  const double ulp = type == torch::kBFloat16 ? 0x1p-8 : 0x1p-11;
  const torch::Tensor allowed = expected.gradient.abs() * (2 * ulp) + 1e-5 * largest(expected.gradient) + 1e-7;
  RC_ASSERT(((actual.gradient.to(torch::kDouble) - expected.gradient).abs() <= allowed).all().item<bool>());
}

RC_GTEST_PROP(CrossEntropyOracle, LossAloneIsTheLossOfLossAndGradient, ()) {
  const Case any = any_case();
  const torch::Tensor z = any.logits.to(torch::kFloat);
  const LossAndGradient both = cross_entropy_with_gradient(z, any.targets, any.options);
  RC_ASSERT(torch::equal(both.loss, cross_entropy(z, any.targets, any.options)));
}

}  // namespace
}  // namespace margay::loss
