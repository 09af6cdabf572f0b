#include "margay/loss/activation.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>

#include "tests/support/golden_loss.h"
#include "tests/support/gradient_check.h"
#include "tests/support/loss_cases.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::loss {
namespace {

using testing_support::all_near;
using testing_support::any_class_case;
using testing_support::expect_near;

TEST(Activation, SoftmaxMatchesPyTorchsNumbers) {
  MARGAY_REQUIRE_GOLDEN("losses.json");
  const auto golden = testing_support::golden("losses.json");
  const torch::Tensor logits = testing_support::tensor_of(golden["CrossEntropyLossFlat"]["x"]);
  expect_near(loss::softmax(logits), testing_support::tensor_of(golden["activation_softmax"]), 1e-7);
}

RC_GTEST_PROP(Activation, AgreesWithLibTorch, ()) {
  const torch::Tensor z = any_class_case().logits;
  RC_ASSERT(all_near(loss::softmax(z), torch::softmax(z, 1), 1e-14));
  RC_ASSERT(all_near(loss::log_softmax(z), torch::log_softmax(z, 1), 1e-14));
  RC_ASSERT(all_near(loss::sigmoid(z), torch::sigmoid(z), 1e-14));
  RC_ASSERT(all_near(loss::log_sigmoid(z), torch::log_sigmoid(z), 1e-14));
}

RC_GTEST_PROP(Activation, HalfTypesAreThoseOfFloatRoundedOnce, ()) {
  const torch::Tensor z = any_class_case().logits.clamp(-1e4, 1e4);
  for (const auto type : {torch::kHalf, torch::kBFloat16}) {
    const torch::Tensor half = z.to(type);
    const torch::Tensor same = half.to(torch::kFloat);
    RC_ASSERT(loss::softmax(half).equal(torch::softmax(same, 1).to(type)));
    RC_ASSERT(loss::log_softmax(half).equal(torch::log_softmax(same, 1).to(type)));
    RC_ASSERT(loss::sigmoid(half).equal(torch::sigmoid(same).to(type)));
    RC_ASSERT(loss::log_sigmoid(half).equal(loss::log_sigmoid(same).to(type)));
    RC_ASSERT(loss::softplus(half).equal(loss::softplus(same).to(type)));
  }
}

TEST(Activation, LogSigmoidIsExactAtBothEnds) {
  const torch::Tensor z = torch::tensor({-kInfinity, -1e300, -40.0, 0.0, 40.0, 650.0, kInfinity}, torch::kDouble);
  const torch::Tensor value = loss::log_sigmoid(z);
  const std::vector<double> expected{-kInfinity,        -1e300, -40.0 - std::exp(-40), -std::log(2), -std::exp(-40.0),
                                     -std::exp(-650.0), 0};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_DOUBLE_EQ(value[static_cast<std::int64_t>(i)].item<double>(), expected[i]);
  }
}

TEST(Activation, SoftplusKeepsTheDigitsOfItsDerivativesWhereItVanishes) {
  const torch::Tensor z = torch::tensor(-40.0, torch::kDouble).requires_grad_();
  const torch::Tensor first = torch::autograd::grad({loss::softplus(z)}, {z}, {}, true, true)[0];
  const torch::Tensor second = torch::autograd::grad({first}, {z})[0];
  EXPECT_DOUBLE_EQ(first.item<double>(), std::exp(-40));
  EXPECT_DOUBLE_EQ(second.item<double>(), std::exp(-40));
}

TEST(Activation, InfiniteLogitsHaveFiniteDerivatives) {
  const torch::Tensor z = torch::tensor({-kInfinity, kInfinity}, torch::kDouble).requires_grad_();
  const torch::Tensor first = torch::autograd::grad({loss::log_sigmoid(z).sum()}, {z}, {}, true, true)[0];
  expect_near(first, torch::tensor({1.0, 0.0}, torch::kDouble), 0);
  expect_near(torch::autograd::grad({first.sum()}, {z})[0], torch::zeros({2}, torch::kDouble), 0);
}

TEST(Activation, DerivativesAreThoseOfDifferences) {
  torch::manual_seed(5);
  const torch::Tensor z = torch::randn({3, 4, 2}, torch::kDouble) * 3;
  for (const auto activation :
       {&loss::sigmoid, &loss::log_sigmoid, &loss::softplus, &loss::softmax, &loss::log_softmax}) {
    const auto f = [activation](const std::vector<torch::Tensor>& x) { return activation(x[0]); };
    testing_support::gradient_check(f, {z});
    testing_support::second_gradient_check(f, {z});
  }
}

TEST(Activation, TakesNoRowsAndASingleClass) {
  EXPECT_EQ(loss::softmax(torch::zeros({0, 3}, torch::kHalf)).sizes(), torch::IntArrayRef({0, 3}));
  EXPECT_TRUE(loss::softmax(torch::full({2, 1}, 7.0)).equal(torch::ones({2, 1})));
  EXPECT_EQ(loss::sigmoid(torch::tensor(0.0)).item<float>(), 0.5F);
}

TEST(Activation, RefusesWholeNumbers) {
  const torch::Tensor whole = torch::zeros({2, 3}, torch::kLong);
  using testing_support::thrown_message;
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { loss::sigmoid(whole); }),
            "[sigmoid] activations must be floating, got long int");
  EXPECT_THROW(loss::log_sigmoid(whole), std::invalid_argument);
  EXPECT_THROW(loss::softmax(whole), std::invalid_argument);
}

}  // namespace
}  // namespace margay::loss
