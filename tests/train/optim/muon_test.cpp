#include "margay/train/optim/muon.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/train/optim/optimizer.h"
#include "tests/support/golden_tensor.h"
#include "tests/train/optim/optimizer_cases.h"

namespace margay::train {
namespace {

/// By tests/golden/muon.py: three matrices, one of them a convolution, and a vector that AdamW updates.
TEST(Muon, TakesTheStepsOfItsFormulas) {
  const auto golden = testing_support::golden("muon.json");
  for (const StepBy by : {StepBy::kAuto, StepBy::kOperators}) {
    std::vector<torch::Tensor> parameters;
    for (const auto& init : golden["init"]) parameters.push_back(testing_support::tensor_of(init));
    RuleOptimizer optimizer({testing_support::group_of(parameters)}, {.kind = OptimizerKind::kMuon}, by);
    for (std::size_t step = 0; step < golden["grads"].size(); ++step) {
      SCOPED_TRACE(step);
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        parameters[i].mutable_grad() = testing_support::tensor_of(golden["grads"][step][i]);
      }
      optimizer.step({{golden["lr"].get<double>()}, golden["momentum"].get<double>()});
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        testing_support::expect_near(parameters[i], testing_support::tensor_of(golden["params_after"][step][i]), 1e-5);
      }
    }
  }
}

/// Jordan et al. 2024: singular values end between about .7 and 1.2, however small they were.
TEST(Muon, MakesRowsAndColumnsNearlyOrthogonal) {
  torch::manual_seed(3);
  for (const auto& [rows, columns] : {std::pair{20, 64}, std::pair{64, 20}, std::pair{32, 32}}) {
    const torch::Tensor matrix = torch::randn({rows, columns});
    const torch::Tensor result = orthogonalised(matrix);
    ASSERT_EQ(result.sizes(), matrix.sizes());
    const torch::Tensor values = torch::linalg_svdvals(result);
    EXPECT_LT(values.max().item<double>(), 1.3);
    const double smallest = rows == columns ? -1 : 0.6;  // a square one may have values near 0
    EXPECT_GT(values.min().item<double>(), smallest);
    EXPECT_GT((result * matrix).sum().item<double>(), 0);
  }
  EXPECT_TRUE(torch::isfinite(orthogonalised(torch::zeros({3, 4}))).all().item<bool>());
}

TEST(Muon, LeavesEndsAndVectorsToAdamW) {
  const auto is_hidden = [](const char* name, std::vector<std::int64_t> shape, bool is_norm_or_bias = false) {
    return is_hidden_matrix({name, torch::zeros(shape), is_norm_or_bias, false});
  };
  EXPECT_TRUE(is_hidden("backbone.layer1.0.conv1.weight", {64, 64, 3, 3}));
  EXPECT_TRUE(is_hidden("backbone.blocks.0.attn.qkv.weight", {576, 192}));
  EXPECT_FALSE(is_hidden("backbone.conv1.weight", {64, 3, 7, 7})) << "reads the image";
  EXPECT_FALSE(is_hidden("backbone.features.1.0.weight", {96, 1, 7, 7})) << "depthwise";
  EXPECT_FALSE(is_hidden("backbone.pos_embed", {197, 192}, true));
  EXPECT_FALSE(is_hidden("backbone.bn1.weight", {64}));
  EXPECT_FALSE(is_hidden("head.fc.weight", {37, 512}));
}

TEST(Muon, KeepsNoSquaresOfMatrices) {
  std::vector<torch::Tensor> parameters{torch::randn({4, 6}), torch::randn({6})};
  const auto optimizer = make_optimizer({testing_support::group_of(parameters)}, {.kind = OptimizerKind::kMuon});
  testing_support::draw_gradients(parameters);
  optimizer->step({{1e-3}, 0.9});
  const model::TensorMap state = optimizer->state();
  EXPECT_TRUE(state.contains("p0.avg"));
  EXPECT_FALSE(state.contains("p0.sqr_avg"));
  EXPECT_TRUE(state.contains("p1.sqr_avg"));
}

}  // namespace
}  // namespace margay::train
