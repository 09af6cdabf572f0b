#include "margay/train/optim/layer_decay.h"

#include <cmath>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/model/network_draws.h"
#include "margay/train/optim/optimizer.h"

namespace margay::train {
namespace {

std::map<std::string, double> rates_of(const std::string& architecture, double decay) {
  const model::WithoutDraws quickly;
  const auto classifier = model::make_classifier({.architecture = architecture, .num_classes = 2, .image_px = 56});
  auto groups = classifier->parameter_groups();
  apply_layer_decay(groups, *classifier, decay);
  std::map<std::string, double> rates;
  for (const model::ParameterGroup& group : groups) {
    for (const model::NamedParameter& each : group.parameters) rates[each.name] = each.rate;
  }
  return rates;
}

/// As timm's and BEiT's: 12 blocks, the embedding before them, the norm with the head.
TEST(LayerDecay, SlowsTheFirstLayersOfATransformerMost) {
  const auto rates = rates_of("vit_small_patch14_dinov2", 0.75);
  EXPECT_EQ(rates.at("backbone.norm.weight"), 1);
  EXPECT_DOUBLE_EQ(rates.at("backbone.blocks.11.mlp.fc1.weight"), 0.75);
  EXPECT_DOUBLE_EQ(rates.at("backbone.blocks.0.norm1.bias"), std::pow(0.75, 12));
  EXPECT_DOUBLE_EQ(rates.at("backbone.patch_embed.proj.weight"), std::pow(0.75, 13));
  EXPECT_DOUBLE_EQ(rates.at("backbone.pos_embed"), std::pow(0.75, 13));
  for (const auto& [name, rate] : rates) EXPECT_TRUE(name.starts_with("backbone.") || rate == 1) << name;
}

TEST(LayerDecay, CountsBlocksAndWhatShrinksTheImageInAConvNext) {
  const auto rates = rates_of("convnextv2_atto", 0.9);
  EXPECT_DOUBLE_EQ(rates.at("backbone.stages.3.blocks.1.mlp.fc2.weight"), 0.9);
  EXPECT_DOUBLE_EQ(rates.at("backbone.stages.3.downsample.1.weight"), std::pow(0.9, 3));
  EXPECT_DOUBLE_EQ(rates.at("backbone.stem.0.weight"), std::pow(0.9, 16));  // 12 blocks, 3 downsamples, the stem
}

TEST(LayerDecay, OfOneChangesNothing) {
  for (const auto& [name, rate] : rates_of("resnet20", 1)) EXPECT_EQ(rate, 1) << name;
}

TEST(LayerDecay, IsAShareOfTheStep) {
  const auto step_with = [](double rate) {
    torch::Tensor parameter = torch::ones({4}).requires_grad_();
    model::ParameterGroup group{"all", {{"p", parameter, true, false}}};
    group.parameters.front().rate = rate;
    const auto optimizer = make_optimizer({group}, {.kind = OptimizerKind::kSgd, .wd = 0});
    parameter.mutable_grad() = torch::ones({4});
    optimizer->step({{0.1}, 0});
    return 1 - parameter[0].item<double>();
  };
  EXPECT_NEAR(step_with(0.5), step_with(1) / 2, 1e-7);
}

}  // namespace
}  // namespace margay::train
