#include "margay/model/fused/activations.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ops/gelu.h>
#include <ATen/ops/silu.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/golden_tensor.h"
#include "tests/support/simd_targets.h"

namespace margay::model {
namespace {

struct KnownActivation {
  std::string name;
  torch::Tensor (*function)(torch::Tensor x);
  torch::Tensor (*by_operator)(const torch::Tensor& x);
  double (*value)(double x);
  double (*slope)(double x);
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double normal_share_of(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

const std::vector<KnownActivation>& known_activations() {
  static const std::vector<KnownActivation> known{
      {"silu", apply_silu, [](const torch::Tensor& x) { return at::silu(x); }, [](double x) { return x * sigmoid(x); },
       [](double x) { return sigmoid(x) * (1 + x * sigmoid(-x)); }},
      {"gelu", apply_gelu, [](const torch::Tensor& x) { return at::gelu(x); },
       [](double x) { return x * normal_share_of(x); },
       [](double x) { return normal_share_of(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI); }}};
  return known;
}

/// All there are but NaN and infinity: bfloat16 [N].
torch::Tensor every_finite_bfloat16() {
  const torch::Tensor bits = torch::arange(1 << 16, torch::kInt).bitwise_left_shift(16);
  const torch::Tensor values = torch::empty({1 << 16}, torch::kFloat);
  std::copy_n(reinterpret_cast<const float*>(bits.data_ptr<int>()), values.numel(), values.data_ptr<float>());
  return values.masked_select(values.isfinite()).to(torch::kBFloat16);
}

/// Within .51 units of bfloat16's last place; least: how far from a number next to 0 it may be in any case.
void expect_rounded(const torch::Tensor& results, const torch::Tensor& inputs, double (*exact)(double), double least) {
  const torch::Tensor wide = results.to(torch::kDouble);
  const torch::Tensor x = inputs.to(torch::kDouble);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const double expected = exact(x.data_ptr<double>()[i]);
    const double ulp = std::ldexp(1.0, std::ilogb(expected) - 7);
    const double allowed = std::max(0.51 * ulp, least);
    ASSERT_NEAR(wide.data_ptr<double>()[i], expected, allowed) << "of " << x.data_ptr<double>()[i];
  }
}

TEST(Activations, RoundEveryValueOnce) {
  const torch::Tensor x = every_finite_bfloat16();
  testing_support::for_each_simd_target([&] {
    for (const KnownActivation& known : known_activations()) {
      SCOPED_TRACE(known.name);
      expect_rounded(known.function(x), x, known.value, 1e-36);
    }
  });
}

TEST(Activations, RoundEverySlopeOnce) {
  const torch::Tensor x = every_finite_bfloat16().requires_grad_();
  testing_support::for_each_simd_target([&] {
    for (const KnownActivation& known : known_activations()) {
      SCOPED_TRACE(known.name);
      const auto gradient = torch::autograd::grad({known.function(x).sum()}, {x})[0];
      expect_rounded(gradient, x.detach(), known.slope, 1e-5);  // which counts where the slope passes through 0
    }
  });
}

TEST(Activations, AreThoseOfNoNumberAsTheOperatorsAre) {
  const float infinity = std::numeric_limits<float>::infinity();
  const torch::Tensor x = torch::tensor({std::nanf(""), infinity, -infinity, 1.0F}).to(torch::kBFloat16);
  testing_support::for_each_simd_target([&] {
    for (const KnownActivation& known : known_activations()) {
      SCOPED_TRACE(known.name);
      const torch::Tensor expected = known.by_operator(x.to(torch::kFloat));
      const torch::Tensor y = known.function(x).to(torch::kFloat);
      EXPECT_TRUE(y.isnan().equal(expected.isnan())) << y << expected;
      EXPECT_EQ(y[1].item<float>(), infinity);
    }
  });
}

TEST(Activations, KeepTheShapeAndTheOrderInMemory) {
  torch::manual_seed(1);
  const torch::Tensor image = torch::randn({2, 5, 7, 9}).to(torch::kBFloat16);
  for (const torch::Tensor& x :
       {image, image.contiguous(torch::MemoryFormat::ChannelsLast), image.permute({3, 0, 2, 1}), image.slice(1, 1, 4),
        image.flatten()[3], torch::empty({0, 3}, torch::kBFloat16)}) {
    SCOPED_TRACE(testing::Message() << x.sizes() << x.strides());
    for (const KnownActivation& known : known_activations()) {
      const torch::Tensor before = x.clone();
      const torch::Tensor y = known.function(x);
      EXPECT_TRUE(x.equal(before)) << "x is still needed";
      testing_support::expect_near(y.to(torch::kFloat), known.by_operator(x.to(torch::kFloat)), 1e-2);
      EXPECT_EQ(y.is_contiguous(torch::MemoryFormat::ChannelsLast),
                x.dim() == 4 && x.is_contiguous(torch::MemoryFormat::ChannelsLast));
    }
  }
}

TEST(Activations, TakeTheMemoryOfWhatIsGivenAway) {
  const torch::NoGradGuard no_grad;
  torch::Tensor x = torch::ones({64, 64}).to(torch::kBFloat16);
  const void* memory = x.data_ptr();
  EXPECT_EQ(apply_silu(std::move(x)).data_ptr(), memory);
  torch::Tensor seen = torch::ones({64, 64}).to(torch::kBFloat16);
  const torch::Tensor view = seen.slice(0, 1, 2);
  apply_silu(std::move(seen));
  EXPECT_TRUE(view.eq(1).all().item<bool>());
}

TEST(Activations, TakeGradientsInAnyOrderInMemory) {
  torch::manual_seed(2);
  const torch::Tensor image = torch::randn({2, 6, 5, 4}).to(torch::kBFloat16);
  const torch::Tensor gradient = torch::randn({2, 6, 5, 4}).to(torch::kBFloat16);
  for (const KnownActivation& known : known_activations()) {
    SCOPED_TRACE(known.name);
    const auto gradient_of = [&](const torch::Tensor& values, const torch::Tensor& output_gradient) {
      const torch::Tensor x = values.detach().clone(torch::MemoryFormat::Preserve).requires_grad_();
      return torch::autograd::grad({known.function(x)}, {x}, {output_gradient})[0];
    };
    const torch::Tensor plain = gradient_of(image, gradient);
    EXPECT_TRUE(gradient_of(image.contiguous(torch::MemoryFormat::ChannelsLast), gradient).equal(plain));
    EXPECT_TRUE(gradient_of(image, gradient.contiguous(torch::MemoryFormat::ChannelsLast)).equal(plain));
    EXPECT_TRUE(gradient_of(image, torch::ones({1}).to(torch::kBFloat16).expand_as(image)).defined());
  }
}

TEST(Activations, HaveTheOperatorsGradientsOfGradients) {
  torch::manual_seed(3);
  const torch::Tensor values = torch::randn({200}).to(torch::kBFloat16);
  const auto second_gradient = [&](const auto& function, torch::ScalarType type) {
    const torch::Tensor x = values.to(type, false, /*copy=*/true).requires_grad_();
    const torch::Tensor loss = function(x).to(torch::kFloat).pow(2).sum();
    const auto first = torch::autograd::grad({loss}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true);
    return torch::autograd::grad({first[0].to(torch::kFloat).pow(2).sum()}, {x})[0].to(torch::kFloat);
  };
  for (const KnownActivation& known : known_activations()) {
    SCOPED_TRACE(known.name);
    const torch::Tensor expected = second_gradient(known.by_operator, torch::kFloat);
    const torch::Tensor found = second_gradient(known.function, torch::kBFloat16);
    EXPECT_LT((found - expected).abs().max().item<float>(), 0.05 * expected.abs().max().item<float>());
  }
}

TEST(Activations, OfOtherTypesAreTheOperators) {
  torch::manual_seed(4);
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    const torch::Tensor x = torch::randn({33}, type);
    for (const KnownActivation& known : known_activations()) {
      EXPECT_TRUE(known.function(x).equal(known.by_operator(x))) << known.name;
    }
  }
}

}  // namespace
}  // namespace margay::model
