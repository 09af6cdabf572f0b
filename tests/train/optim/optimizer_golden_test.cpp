#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/train/optim/rule_optimizer.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/tensor_near.h"
#include "tests/train/optim/parameter_groups.h"

namespace margay::train {
namespace {

using Kind = OptimizerKind;

/// A few float32 roundings in each of 12 steps.
constexpr double kGoldenTolerance = 1e-6;

struct GoldenCase {
  const char* key;
  OptimizerOptions options;
  double momentum;
};

const std::vector<GoldenCase>& golden_cases() {
  static const std::vector<GoldenCase> cases = {
      {"Adam lr.1 defaults(mom.9 sqr.99 eps1e-5 wd.01)", {}, 0.9},
      {"Adam lr.1 wd.1 mom.95", {.wd = 0.1}, 0.95},
      {"Adam l2 wd.1", {.wd = 0.1, .decouple_wd = false}, 0.9},
      {"SGD lr.1 mom.9 wd.01", {.kind = Kind::kSgd}, 0.9},
      {"SGD lr.1", {.kind = Kind::kSgd, .wd = 0}, 0},
      {"SGD l2", {.kind = Kind::kSgd, .decouple_wd = false}, 0.9},
      {"RMSProp lr.1", {.kind = Kind::kRmsprop, .wd = 0}, 0},
      {"RAdam lr.1", {.kind = Kind::kRadam, .wd = 0}, 0.9},
      {"Lamb lr.1", {.kind = Kind::kLamb, .wd = 0}, 0.9},
      {"Larc lr.1", {.kind = Kind::kLars, .wd = 0}, 0.9},
      {"QHAdam lr.1", {.kind = Kind::kQhadam, .wd = 0}, 0.999},
      {"ranger lr.1", {.kind = Kind::kRanger}, 0.95},
  };
  return cases;
}

void expect_golden_steps(const GoldenCase& the, StepBy by) {
  SCOPED_TRACE(the.key);
  const auto golden = testing_support::golden("optimizers.json").at(the.key);
  std::vector<torch::Tensor> parameters;
  for (const auto& init : golden["init"]) parameters.push_back(testing_support::tensor_of(init));
  RuleOptimizer optimizer({testing_support::group_of(parameters)}, the.options, by);
  ASSERT_EQ(golden["grads"].size(), 12U);
  for (std::size_t step = 0; step < golden["grads"].size(); ++step) {
    SCOPED_TRACE(step);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      parameters[i].mutable_grad() = testing_support::tensor_of(golden["grads"][step][i]);
    }
    optimizer.step({{0.1}, the.momentum});
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      testing_support::expect_near(parameters[i], testing_support::tensor_of(golden["params_after"][step][i]),
                                   kGoldenTolerance);
    }
  }
}

TEST(OptimizerGolden, HasACaseForEveryOneInTheFile) {
  MARGAY_REQUIRE_GOLDEN("optimizers.json");
  EXPECT_EQ(golden_cases().size() + 1, testing_support::golden("optimizers.json").size());  // and _meta
}

TEST(OptimizerGolden, MakesFastaisSteps) {
  MARGAY_REQUIRE_GOLDEN("optimizers.json");
  for (const GoldenCase& the : golden_cases()) expect_golden_steps(the, StepBy::kAuto);
}

TEST(OptimizerGolden, MakesThemWithLibTorchsOperators) {
  MARGAY_REQUIRE_GOLDEN("optimizers.json");
  for (const GoldenCase& the : golden_cases()) expect_golden_steps(the, StepBy::kOperators);
}

}  // namespace
}  // namespace margay::train
