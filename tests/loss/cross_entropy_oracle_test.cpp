// The kernels against the same loss written with LibTorch's operators, over random shapes, types, strides and options.
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/cross_entropy.h"
#include "margay/loss/cross_entropy_rows.h"
#include "margay/loss/kernels/block_kernel.h"

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
  torch::Tensor upstream;
  torch::Tensor gradient;
};

/// Loss, and gradient for a random upstream gradient.
template <class Loss>
Result run(const Loss& loss, const Case& any, torch::ScalarType type) {
  const torch::Tensor z = any.logits.to(type).detach().requires_grad_();
  const torch::Tensor value = loss(z, any.targets, any.options);
  const torch::Tensor upstream = torch::linspace(0.5, 2, value.numel(), value.options()).view(value.sizes());
  value.backward(upstream);
  return {value.detach(), upstream, z.grad()};
}

/// What a loss and a gradient consist of, and how large the parts can be. Where parts cancel, what remains keeps their
/// rounding, however small it is itself: with one class the gradient is the rounding of c - c.
struct Parts {
  double loss = 0;      ///< a row's weight, over what the mean divides by, for all rows that are added up
  double gradient = 0;  ///< of slope · p and of c (ARCHITECTURE.md): upstream over temperature, times a row's weight
};

Parts parts_of(const Case& any, const torch::Tensor& upstream) {
  const CrossEntropyOptions& options = any.options;
  const std::int64_t classes = any.logits.size(1);
  const double count = divisor(any.targets, classes, options);
  if (count == 0) return {};
  const auto& weights = options.class_weights;
  const double weight = weights.empty() ? 1 : *std::max_element(weights.begin(), weights.end());
  const auto rows = static_cast<double>(any.logits.numel() / classes);
  return {.loss = weight * (options.reduction == Reduction::kNone ? 1 : rows / count),
          .gradient = weight * largest(upstream) / (options.temperature * count)};
}

/// What rounding to nearest changes, relative to the number.
constexpr double kHalfUlpOfDouble = 0x1p-53;
constexpr double kHalfUlpOfFloat = 0x1p-24;

/// Relative error of what is computed with numbers of that rounding. Of 18,000 cases none had more than 4 roundings up
/// to 100 classes and 12 up to 5,000, where sums of as many as a block holds gather theirs. The formula divides the
/// logits, not their distances, by the temperature, so its own error grows with them.
double relative_error(const Case& any, double rounding) {
  const auto block = std::min<std::int64_t>(any.logits.size(1), kernels::kLargestBlock);
  return (8 + static_cast<double>(block) / 64) * rounding +
         2 * kHalfUlpOfDouble * largest(any.logits) / any.options.temperature;
}

void expect_close_loss(const Case& any, const Result& actual, const Result& expected, double rounding) {
  RC_ASSERT(actual.loss.sizes() == expected.loss.sizes());
  const double scale = parts_of(any, actual.upstream).loss + largest(expected.loss);
  RC_ASSERT(largest(actual.loss.to(torch::kDouble) - expected.loss) <= relative_error(any, rounding) * scale);
}

/// stored: the rounding of the gradient's own type, and `smallest` that of its smallest numbers.
void expect_close_gradient(const Case& any, const Result& actual, const Result& expected, double rounding,
                           double stored = 0, double smallest = 0) {
  RC_ASSERT(actual.gradient.sizes() == expected.gradient.sizes());
  const double scale = parts_of(any, actual.upstream).gradient + largest(expected.gradient);
  const torch::Tensor error = (actual.gradient.to(torch::kDouble) - expected.gradient).abs();
  RC_ASSERT(largest((error - stored * expected.gradient.abs()).clamp_min(0)) <=
            relative_error(any, rounding) * scale + smallest);
}

RC_GTEST_PROP(CrossEntropyOracle, Float64AgreesWithTheFormula, ()) {
  const Case any = any_case();
  const Result actual = run(cross_entropy, any, torch::kDouble);
  const Result expected = run(cross_entropy_formula, any, torch::kDouble);
  expect_close_loss(any, actual, expected, kHalfUlpOfDouble);
  expect_close_gradient(any, actual, expected, kHalfUlpOfDouble);
}

RC_GTEST_PROP(CrossEntropyOracle, Float32AgreesWithTheFormulaInFloat64OfTheSameLogits, ()) {
  Case any = any_case();
  any.logits = any.logits.to(torch::kFloat).to(torch::kDouble);
  const Result actual = run(cross_entropy, any, torch::kFloat);
  const Result expected = run(cross_entropy_formula, any, torch::kDouble);
  expect_close_loss(any, actual, expected, kHalfUlpOfFloat);
  expect_close_gradient(any, actual, expected, kHalfUlpOfFloat);
}

RC_GTEST_PROP(CrossEntropyOracle, HalfPrecisionLosesOnlyTheRoundingOfTheGradient, ()) {
  Case any = any_case();
  const auto type = one_of<torch::ScalarType>({torch::kBFloat16, torch::kHalf});
  any.logits = any.logits.clamp(-3e4, 3e4).to(type).to(torch::kDouble);
  const Result actual = run(cross_entropy, any, type);
  const Result expected = run(cross_entropy_formula, any, torch::kDouble);
  RC_ASSERT(actual.loss.scalar_type() == torch::kFloat);
  RC_ASSERT(actual.gradient.scalar_type() == type);
  expect_close_loss(any, actual, expected, kHalfUlpOfFloat);
  const bool is_bfloat16 =
      type == torch::kBFloat16;  // rounded once for the loss and once more for the upstream gradient
  expect_close_gradient(any, actual, expected, kHalfUlpOfFloat, is_bfloat16 ? 2 * 0x1p-8 : 0x1p-11,
                        is_bfloat16 ? 0 : 0x1p-25);
}

RC_GTEST_PROP(CrossEntropyOracle, LossAloneIsTheLossOfLossAndGradient, ()) {
  const Case any = any_case();
  const torch::Tensor z = any.logits.to(torch::kFloat);
  const LossAndGradient both = cross_entropy_with_gradient(z, any.targets, any.options);
  RC_ASSERT(torch::equal(both.loss, cross_entropy(z, any.targets, any.options)));
}

}  // namespace
}  // namespace margay::loss
