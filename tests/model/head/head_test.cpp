#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/head/head.h"
#include "tests/support/golden_tensor.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::golden;
using testing_support::tensor_of;

constexpr const char* kForward = "head_forward.json";
constexpr const char* kLearner = "vision_learner_37.json";
constexpr double kHeadTolerance = 1e-4;

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
  EXPECT_LE((head->forward(x) - logits).abs().max().item<double>(), kHeadTolerance);
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
  torch::nn::Sequential head = make_head(4, 3, {.hidden = {}, .dropout = {0.25}});
  std::vector<std::string> names;
  for (const auto& each : head->named_parameters()) names.push_back(each.key());
  EXPECT_EQ(names, (std::vector<std::string>{"2.weight", "2.bias", "4.weight"}));
  EXPECT_EQ(head->forward(torch::randn({2, 4, 3, 3})).sizes(), (std::vector<std::int64_t>{2, 3}));
  EXPECT_DOUBLE_EQ(std::dynamic_pointer_cast<torch::nn::DropoutImpl>(head->ptr(3))->options.p(), 0.25);
}

/// "2 BatchNorm1d 8" for every layer with parameters, "3 Dropout 0.25" for every dropout.
std::vector<std::string> layers_of(const torch::nn::Sequential& head) {
  std::vector<std::string> layers;
  for (std::size_t i = 0; i < head->size(); ++i) {
    const auto& layer = *head->children().at(i);
    if (const auto* dropout = layer.as<torch::nn::Dropout>()) {
      layers.push_back(fmt::format("{} Dropout {:g}", i, dropout->options.p()));
    } else if (const auto* linear = layer.as<torch::nn::Linear>()) {
      layers.push_back(
          fmt::format("{} Linear {} {}", i, linear->options.in_features(), linear->options.out_features()) +
          (linear->bias.defined() ? " bias" : ""));
    } else if (const auto* norm = layer.as<torch::nn::BatchNorm1d>()) {
      layers.push_back(fmt::format("{} BatchNorm1d {}", i, norm->options.num_features()));
    }
  }
  return layers;
}

using Layers = std::vector<std::string>;

TEST(Head, HasAsManyHiddenLayersAsWanted) {
  EXPECT_EQ(layers_of(make_head(4, 3, {.hidden = {16, 5}, .dropout = {0.4}})),
            (Layers{"2 BatchNorm1d 8", "3 Dropout 0.2", "4 Linear 8 16", "6 BatchNorm1d 16", "7 Dropout 0.2",
                    "8 Linear 16 5", "10 BatchNorm1d 5", "11 Dropout 0.4", "12 Linear 5 3"}));
}

TEST(Head, TakesADropoutForEachLayerAndLeavesOutThoseOfZero) {
  EXPECT_EQ(layers_of(make_head(4, 3, {.hidden = {16}, .dropout = {0, 0.3}})),
            (Layers{"2 BatchNorm1d 8", "3 Linear 8 16", "5 BatchNorm1d 16", "6 Dropout 0.3", "7 Linear 16 3"}));
}

TEST(Head, CanPoolMeansAlone) {
  torch::nn::Sequential head = make_head(4, 3, {.hidden = {}, .concat_pool = false});
  EXPECT_EQ(layers_of(head), (Layers{"2 BatchNorm1d 4", "3 Dropout 0.5", "4 Linear 4 3"}));
  EXPECT_EQ(head->forward(torch::randn({2, 4, 3, 3})).sizes(), (std::vector<std::int64_t>{2, 3}));
}

TEST(Head, CanHaveItsLinearLayersFirstAsFastais) {
  torch::nn::Sequential head = make_head(4, 3, {.hidden = {16, 5}, .dropout = {0.1, 0.2, 0.3}, .lin_first = true});
  EXPECT_EQ(layers_of(head), (Layers{"2 Dropout 0.1", "3 Linear 8 16", "5 BatchNorm1d 16", "6 Dropout 0.2",
                                     "7 Linear 16 5", "9 BatchNorm1d 5", "10 Dropout 0.3", "11 Linear 5 3 bias"}));
  EXPECT_EQ(head->forward(torch::randn({2, 4, 3, 3})).sizes(), (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(head->named_parameters()["11.bias"].abs().max().item<double>(), 0);
}

TEST(Head, CanEndWithABatchNormOfTheLogits) {
  torch::nn::Sequential head = make_head(4, 3, {.hidden = {}, .bn_final = true});
  EXPECT_EQ(layers_of(head).back(), "5 BatchNorm1d 3");
  EXPECT_EQ(head->named_parameters()["5.bias"].abs().max().item<double>(), 0);
  EXPECT_DOUBLE_EQ(*head->children().at(5)->as<torch::nn::BatchNorm1d>()->options.momentum(), 0.01);
}

TEST(Head, RefusesDropoutsForOtherLayersThanThereAre) {
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>([] {
              make_head(4, 3, {.hidden = {16}, .dropout = {0.1, 0.2, 0.3}});
            }),
            "[head] dropout must be one number or one for each of 2 layers, got 3");
  EXPECT_THROW(make_head(4, 3, {.hidden = {16, 0}}), std::invalid_argument);
  EXPECT_THROW(make_head(4, 3, {.hidden = {-1}}), std::invalid_argument);
  EXPECT_THROW(make_head(4, 3, {.dropout = {}}), std::invalid_argument);
}

TEST(Head, DropsHalfAsMuchBeforeTheHiddenLayer) {
  const torch::nn::Sequential head = make_head(4, 3);
  EXPECT_DOUBLE_EQ(std::dynamic_pointer_cast<torch::nn::DropoutImpl>(head->ptr(3))->options.p(), 0.25);
  EXPECT_DOUBLE_EQ(std::dynamic_pointer_cast<torch::nn::DropoutImpl>(head->ptr(7))->options.p(), 0.5);
}

TEST(PoolFeatures, TakesMeansOfMapsAndVectorsAsTheyAre) {
  const auto backbone = find_architecture("resnet20").build({});
  torch::manual_seed(3);
  const torch::Tensor map = torch::randn({2, 64, 3, 5});
  EXPECT_TRUE(pool_features(map, *backbone).allclose(map.flatten(2).mean(2), 1e-5, 1e-6));
  EXPECT_TRUE(pool_features(map.select(3, 0).select(2, 0), *backbone).equal(map.select(3, 0).select(2, 0)));
  EXPECT_EQ(pool_features(map.to(torch::kBFloat16), *backbone).scalar_type(), torch::kFloat);
}

TEST(PoolFeatures, RefusesABackboneWithoutPooledFeatures) {
  const auto backbone = find_architecture("resnet20").build({});
  const std::string expected =
      "[features] the backbone gives [2, 64, 3], which are not features [N,64] nor maps of them";
  const auto refusal = [&](const torch::Tensor& features) {
    return testing_support::thrown_message<core::Error>([&] { pool_features(features, *backbone); });
  };
  EXPECT_TRUE(refusal(torch::zeros({2, 64, 3})).starts_with(expected)) << refusal(torch::zeros({2, 64, 3}));
  EXPECT_NE(refusal(torch::zeros({2, 63, 1, 1})).find("the backbone gives [2, 63, 1, 1]"), std::string::npos);
}

TEST(Head, PassesGradientsThatFiniteDifferencesConfirm) {
  torch::manual_seed(2);
  torch::nn::Sequential head = make_head(3, 2, {.hidden = {4}});
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
