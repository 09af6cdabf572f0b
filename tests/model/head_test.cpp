#include "margay/model/head/head.h"

#include <gtest/gtest.h>
#include <torch/nn.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/head/concat_pool.h"
#include "tests/support/golden_tensor.h"

namespace margay::model {
namespace {

using testing_support::golden;
using testing_support::tensor_of;

constexpr const char* kForward = "head_forward.json";
constexpr const char* kLearner = "vision_learner_37.json";
constexpr double kTolerance = 1e-4;

void copy_golden_state(torch::nn::Sequential& head, const nlohmann::json& state) {
  const torch::NoGradGuard no_grad;
  for (auto& each : head->named_parameters()) each.value().copy_(tensor_of(state.at(each.key())));
  for (auto& each : head->named_buffers()) each.value().copy_(tensor_of(state.at(each.key())));
}

TEST(ConcatPool, PutsMaximaBeforeMeansAsFastai) {
  MARGAY_REQUIRE_GOLDEN(kForward);
  const nlohmann::json expected = golden(kForward);
  EXPECT_TRUE(torch::equal(ConcatPool()(tensor_of(expected["pool_in"])), tensor_of(expected["pool_out"])));
}

TEST(Head, ComputesFastaisLogits) {
  MARGAY_REQUIRE_GOLDEN(kForward);
  const nlohmann::json expected = golden(kForward);
  const torch::Tensor x = tensor_of(expected["x"]);
  const torch::Tensor logits = tensor_of(expected["out"]);
  torch::nn::Sequential head = make_head(x.size(1), logits.size(1));
  copy_golden_state(head, expected["state"]);
  head->eval();
  EXPECT_LE((head->forward(x) - logits).abs().max().item<double>(), kTolerance);
}

TEST(Head, StartsAsFastais) {
  MARGAY_REQUIRE_GOLDEN(kLearner);
  torch::manual_seed(11);
  const nlohmann::json expected = golden(kLearner)["resnet18"]["head_init"];
  const torch::nn::Sequential head = make_head(512, 37);
  const auto parameters = head->named_parameters();
  EXPECT_EQ(parameters.size(), expected.size());
  for (const auto& [name, statistics] : expected.items()) {
    const torch::Tensor& values = parameters[name];
    const double std = statistics["std"].get<double>();
    EXPECT_NEAR(values.mean().item<double>(), statistics["mean"].get<double>(), std / 10) << name;
    EXPECT_NEAR(values.std().item<double>(), std, std / 20) << name;
  }
}

TEST(Head, CanDoWithoutAHiddenLayer) {
  torch::nn::Sequential head = make_head(4, 3, {.hidden = 0, .dropout = 0.25});
  std::vector<std::string> names;
  for (const auto& each : head->named_parameters()) names.push_back(each.key());
  EXPECT_EQ(names, (std::vector<std::string>{"2.weight", "2.bias", "4.weight"}));
  EXPECT_EQ(head->forward(torch::randn({2, 4, 3, 3})).sizes(), (std::vector<std::int64_t>{2, 3}));
  EXPECT_DOUBLE_EQ(head->ptr<torch::nn::DropoutImpl>(3)->options.p(), 0.25);
}

TEST(Head, DropsHalfAsMuchBeforeTheHiddenLayer) {
  const torch::nn::Sequential head = make_head(4, 3);
  EXPECT_DOUBLE_EQ(head->ptr<torch::nn::DropoutImpl>(3)->options.p(), 0.25);
  EXPECT_DOUBLE_EQ(head->ptr<torch::nn::DropoutImpl>(7)->options.p(), 0.5);
}

TEST(Head, PassesGradientsThatFiniteDifferencesConfirm) {
  torch::manual_seed(2);
  torch::nn::Sequential head = make_head(3, 2, {.hidden = 4});
  head->to(torch::kDouble);
  head->eval();
  const torch::Tensor x = torch::randn({2, 3, 2, 2}, torch::kDouble).requires_grad_();
  head->forward(x).sum().backward();
  constexpr double kStep = 1e-6;
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    torch::Tensor nudge = torch::zeros_like(x);
    nudge.view(-1)[i] = kStep;
    const torch::Tensor rise = head->forward(x.detach() + nudge).sum() - head->forward(x.detach() - nudge).sum();
    EXPECT_NEAR(x.grad().view(-1)[i].item<double>(), rise.item<double>() / (2 * kStep), 1e-6);
  }
}

}  // namespace
}  // namespace margay::model
