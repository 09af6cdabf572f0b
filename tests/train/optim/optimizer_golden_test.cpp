#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/train/optim/optimizer.h"
#include "tests/support/golden_tensor.h"
#include "tests/train/optim/optimizer_cases.h"

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

using testing_support::draw_gradients;
using testing_support::every_optimizer;
using testing_support::expect_near;
using testing_support::group_of;
using testing_support::text_of;

constexpr std::array kHalves = {torch::kBFloat16, torch::kHalf};
constexpr std::array kWays = {StepBy::kAuto, StepBy::kOperators};

TEST(HalfPrecision, MovesByStepsThatItsNumbersAreTooCoarseFor) {
  for (const torch::ScalarType type : kHalves) {
    for (const StepBy by : kWays) {
      torch::Tensor x = torch::ones({5}, type);
      RuleOptimizer sgd({group_of({x})}, {.kind = OptimizerKind::kSgd, .wd = 0}, by);
      for (int i = 0; i < 1000; ++i) {  // 1 - 1e-4 is 1 in either type
        x.mutable_grad() = torch::ones({5}, type);
        sgd.step({{1e-4}, 0});
      }
      expect_near(x, torch::full({5}, 0.9F), 2e-3);
      expect_near(sgd.state().at("p0.master"), torch::full({5}, 0.9F), 1e-5);
    }
  }
}

TEST(HalfPrecision, IsItsFloatMasterRounded) {
  torch::manual_seed(0);
  const std::vector<torch::Tensor> start = {torch::randn({40, 77}), torch::randn({3})};
  for (const torch::ScalarType type : kHalves) {
    for (const StepBy by : kWays) {
      for (const OptimizerOptions& options : every_optimizer()) {
        SCOPED_TRACE(text_of(options));
        std::vector<torch::Tensor> halves;
        std::vector<torch::Tensor> floats;
        for (const torch::Tensor& each : start) {
          halves.push_back(each.to(type));
          floats.push_back(halves.back().to(torch::kFloat));
        }
        RuleOptimizer of_halves({group_of(halves)}, options, by);
        RuleOptimizer of_floats({group_of(floats)}, options, by);
        for (int step = 0; step < 7; ++step) {
          draw_gradients(halves);
          for (std::size_t i = 0; i < floats.size(); ++i) floats[i].mutable_grad() = halves[i].grad().to(torch::kFloat);
          of_halves.step({{1e-2}, 0.9});
          of_floats.step({{1e-2}, 0.9});
        }
        for (std::size_t i = 0; i < floats.size(); ++i) {
          const torch::Tensor master = of_halves.state().at("p" + std::to_string(i) + ".master");
          expect_near(master, floats[i], 1e-6);
          EXPECT_TRUE(halves[i].equal(master.to(type)));
        }
      }
    }
  }
}

TEST(HalfPrecision, FollowsAParameterThatSomebodyElseChanged) {
  for (const StepBy by : kWays) {
    torch::Tensor x = torch::ones({3}, torch::kBFloat16);
    RuleOptimizer sgd({group_of({x})}, {.kind = OptimizerKind::kSgd, .wd = 0}, by);
    const auto step = [&] {
      x.mutable_grad() = torch::ones({3}, torch::kBFloat16);
      sgd.step({{0.25}, 0});
    };
    step();
    {
      const torch::NoGradGuard no_grad;
      x[1] = 8;  // as loading weights does
    }
    step();
    EXPECT_TRUE(x.equal(torch::tensor({0.5F, 7.75F, 0.5F}).to(torch::kBFloat16))) << x;
  }
}

}  // namespace

}  // namespace margay::train
