#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/train/optim/rule_optimizer.h"
#include "tests/support/tensor_near.h"
#include "tests/train/optim/optimizer_kinds.h"
#include "tests/train/optim/parameter_groups.h"

namespace margay::train {
namespace {

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
