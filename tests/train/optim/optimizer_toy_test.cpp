#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/train/optim/make_optimizer.h"
#include "tests/train/optim/optimizer_kinds.h"
#include "tests/train/optim/parameter_groups.h"

namespace margay::train {
namespace {

using Kind = OptimizerKind;

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
