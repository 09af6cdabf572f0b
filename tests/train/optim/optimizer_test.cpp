#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/train/optim/optimizer.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/simd_targets.h"
#include "tests/train/optim/optimizer_cases.h"

namespace margay::train {
namespace {

using testing_support::copies_of;
using testing_support::draw_gradients;
using testing_support::every_optimizer;
using testing_support::expect_near;
using testing_support::group_of;
using testing_support::some_parameters;
using testing_support::text_of;
using Kind = OptimizerKind;

/// A few float32 roundings in each of some steps.
constexpr double kStepTolerance = 2e-6;

/// Steps `parameters` with the gradients that `seed` draws.
void take_steps(Optimizer& optimizer, std::vector<torch::Tensor>& parameters, int count, std::uint64_t seed) {
  torch::manual_seed(seed);
  for (int i = 0; i < count; ++i) {
    draw_gradients(parameters);
    optimizer.step({{1e-2}, 0.9});
    optimizer.zero_grad();
  }
}

TEST(Optimizer, WalksOverMemoryToWhereTheOperatorsGo) {
  torch::manual_seed(0);
  const std::vector<torch::Tensor> start = some_parameters();
  for (const OptimizerOptions& options : every_optimizer()) {
    SCOPED_TRACE(text_of(options));
    std::vector<torch::Tensor> expected = copies_of(start);
    RuleOptimizer operators({group_of(expected)}, options, StepBy::kOperators);
    take_steps(operators, expected, 6, 1);
    testing_support::for_each_simd_target([&] {
      std::vector<torch::Tensor> walked = copies_of(start);
      RuleOptimizer optimizer({group_of(walked)}, options);
      take_steps(optimizer, walked, 6, 1);
      for (std::size_t i = 0; i < walked.size(); ++i) expect_near(walked[i], expected[i], kStepTolerance);
    });
  }
}

TEST(Optimizer, StepsDoublesMorePrecisely) {
  torch::manual_seed(0);
  const std::vector<torch::Tensor> start = some_parameters();
  for (const OptimizerOptions& options : every_optimizer()) {
    SCOPED_TRACE(text_of(options));
    std::vector<torch::Tensor> doubles;
    for (const torch::Tensor& each : start) doubles.push_back(each.to(torch::kDouble));
    std::vector<torch::Tensor> floats = copies_of(start);
    const auto of_doubles = make_optimizer({group_of(doubles)}, options);
    const auto of_floats = make_optimizer({group_of(floats)}, options);
    take_steps(*of_doubles, doubles, 3, 1);
    take_steps(*of_floats, floats, 3, 1);
    for (std::size_t i = 0; i < floats.size(); ++i) expect_near(floats[i], doubles[i], kStepTolerance);
  }
}

TEST(Optimizer, GivesTheSameBitsWithAnyNumberOfThreads) {
  torch::manual_seed(0);
  const std::vector<torch::Tensor> start = {torch::randn({70'001}), torch::randn({9}), torch::randn({64, 1031})};
  const int threads = at::get_num_threads();
  for (const OptimizerOptions& options : every_optimizer()) {
    if (options.kind == OptimizerKind::kMuon) continue;  // BLAS divides its products among the threads
    SCOPED_TRACE(text_of(options));
    std::vector<std::vector<torch::Tensor>> results;
    for (const int count : {1, 3}) {
      at::set_num_threads(count);
      results.push_back(copies_of(start));
      const auto optimizer = make_optimizer({group_of(results.back())}, options);
      take_steps(*optimizer, results.back(), 3, 1);
    }
    for (std::size_t i = 0; i < start.size(); ++i) EXPECT_TRUE(results[0][i].equal(results[1][i]));
  }
  at::set_num_threads(threads);
}

TEST(Optimizer, TakesGradientsOfOtherStridesThanTheParameters) {
  torch::manual_seed(0);
  const torch::Tensor start = torch::randn({8, 4, 3, 3});
  for (const OptimizerOptions& options : every_optimizer()) {
    std::vector<torch::Tensor> expected = {start.clone()};
    std::vector<torch::Tensor> channels_last = {start.clone(torch::MemoryFormat::ChannelsLast)};
    RuleOptimizer plain({group_of(expected)}, options);
    RuleOptimizer strided({group_of(channels_last)}, options);
    take_steps(plain, expected, 3, 1);
    take_steps(strided, channels_last, 3, 1);
    EXPECT_TRUE(channels_last[0].is_contiguous(torch::MemoryFormat::ChannelsLast));
    expect_near(channels_last[0], expected[0], kStepTolerance);  // norms add up in another order
  }
}

TEST(Optimizer, FollowsAParameterToOtherStridesAndTypes) {
  torch::manual_seed(0);
  const torch::Tensor start = torch::randn({8, 4, 3, 3});
  for (const OptimizerOptions& options : every_optimizer()) {
    std::vector<torch::Tensor> stays = {start.clone()};
    std::vector<torch::Tensor> moves = {start.clone()};
    RuleOptimizer expected({group_of(stays)}, options);
    RuleOptimizer follows({group_of(moves)}, options);
    take_steps(expected, stays, 2, 1);
    take_steps(follows, moves, 2, 1);
    moves[0].set_data(moves[0].detach().clone(torch::MemoryFormat::ChannelsLast));
    take_steps(expected, stays, 2, 2);
    take_steps(follows, moves, 2, 2);
    expect_near(moves[0], stays[0], kStepTolerance);
    moves[0].set_data(moves[0].detach().to(torch::kBFloat16));
    take_steps(follows, moves, 2, 3);
    EXPECT_TRUE(moves[0].equal(follows.state().at("p0.master").to(torch::kBFloat16)));
  }
}

TEST(Optimizer, DoesNotDecayNormsAndBiases) {
  for (const bool decouples : {true, false}) {
    torch::Tensor norm = torch::ones({3});
    const auto optimizer =
        make_optimizer({group_of({norm}, testing_support::Decays::kNo)}, {.wd = 0.5, .decouple_wd = decouples});
    norm.mutable_grad() = torch::zeros({3});
    optimizer->step({{0.1}, 0.9});
    EXPECT_TRUE(norm.equal(torch::ones({3})));
  }
}

TEST(Optimizer, LeavesAloneWhatIsFrozenOrHasNoGradient) {
  torch::Tensor frozen = torch::ones({3});
  torch::Tensor unused = torch::ones({3});
  const auto optimizer = make_optimizer({group_of({frozen, unused})});
  frozen.mutable_grad() = torch::ones({3});
  frozen.requires_grad_(false);
  optimizer->step({{0.1}, 0.9});
  EXPECT_TRUE(frozen.equal(torch::ones({3})));
  EXPECT_TRUE(unused.equal(torch::ones({3})));
  EXPECT_TRUE(optimizer->state().empty());
}

TEST(Optimizer, GivesEachGroupItsRate) {
  torch::Tensor a = torch::zeros({2});
  torch::Tensor b = torch::zeros({2});
  const auto optimizer = make_optimizer({group_of({a}), group_of({b})}, {.kind = Kind::kSgd});
  a.mutable_grad() = torch::ones({2});
  b.mutable_grad() = torch::ones({2});
  optimizer->step({{0.5, 0.25}, 0});
  EXPECT_TRUE(a.equal(torch::full({2}, -0.5F)));
  EXPECT_TRUE(b.equal(torch::full({2}, -0.25F)));
}

TEST(Optimizer, LetsParametersLeaveZeroWhereRatesFollowNorms) {
  for (const Kind kind : {Kind::kLamb, Kind::kLars}) {
    torch::Tensor bias = torch::zeros({2});
    const auto optimizer = make_optimizer({group_of({bias})}, {.kind = kind});
    bias.mutable_grad() = torch::ones({2});
    optimizer->step({{0.5}, 0.9});
    EXPECT_LT(bias.max().item<float>(), -0.1F);
  }
}

TEST(Optimizer, RefusesWhatCannotBeAStep) {
  const auto optimizer = make_optimizer({group_of({torch::ones({1})})});
  EXPECT_THROW(optimizer->step({{0.1, 0.2}, 0.9}), std::invalid_argument);
  EXPECT_THROW(optimizer->step({{0.1}, 1.0}), std::invalid_argument);
}

struct Toy {
  OptimizerOptions options;
  double lr;
  double momentum = 0.9;
};

/// Rates that a look at the problem suggests; the steps of some have a length that does not shrink by itself.
std::vector<Toy> toys() {
  return {{{.kind = Kind::kAdam}, 0.1},
          {{.kind = Kind::kSgd}, 0.2},
          {{.kind = Kind::kSgd, .nesterov = true}, 0.2},
          {{.kind = Kind::kRmsprop}, 0.1, 0},
          {{.kind = Kind::kRadam}, 0.1},
          {{.kind = Kind::kLamb}, 0.1},
          {{.kind = Kind::kLars, .trust_coeff = 0.1}, 0.1},
          {{.kind = Kind::kQhadam, .sqr_mom = 0.99}, 0.1},
          {{.kind = Kind::kLion}, 0.1},
          {{.kind = Kind::kRanger}, 0.1},
          {{.kind = Kind::kLion, .lookahead = 5}, 0.1}};
}

/// The share of the first loss that is left after `steps` steps at rates that fall to 0.
double loss_left(const Toy& toy, int steps, std::vector<torch::Tensor>& parameters, const auto& loss_of) {
  OptimizerOptions options = toy.options;
  options.wd = 0;
  const auto optimizer = make_optimizer({testing_support::group_of(parameters)}, options);
  const double first = loss_of().template item<double>();
  for (int i = 0; i < steps; ++i) {
    loss_of().backward();
    optimizer->step({{toy.lr * (1 - static_cast<double>(i) / steps)}, toy.momentum});
    optimizer->zero_grad();
  }
  return loss_of().template item<double>() / first;
}

TEST(OptimizerToy, ArrivesAtTheBottomOfAValleyAHundredTimesAsSteepAsLong) {
  for (const Toy& toy : toys()) {
    SCOPED_TRACE(testing_support::text_of(toy.options));
    std::vector<torch::Tensor> parameters = {torch::tensor({3.0F, -2.0F})};
    const torch::Tensor bottom = torch::tensor({1.0F, 1.0F});
    const torch::Tensor steepness = torch::tensor({0.01F, 1.0F});
    const auto loss = [&] { return (steepness * (parameters[0] - bottom).square()).sum(); };
    EXPECT_LT(loss_left(toy, 400, parameters, loss), 1e-4);
  }
}

TEST(OptimizerToy, TellsTwoCloudsApart) {
  torch::manual_seed(0);
  const torch::Tensor labels = (torch::arange(64) % 2).to(torch::kFloat);
  const torch::Tensor points = torch::randn({64, 2}) * 0.5 + (labels.unsqueeze(1) * 4 - 2);
  for (const Toy& toy : toys()) {
    SCOPED_TRACE(testing_support::text_of(toy.options));
    std::vector<torch::Tensor> parameters = {torch::full({2}, 0.1F), torch::zeros({1})};
    const auto loss = [&] {
      return torch::binary_cross_entropy_with_logits(points.mv(parameters[0]) + parameters[1], labels);
    };
    EXPECT_LT(loss_left(toy, 200, parameters, loss), 0.1);
  }
}

}  // namespace

}  // namespace margay::train
