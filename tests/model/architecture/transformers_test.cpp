#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

using testing_support::expect_torchvisions;
using testing_support::naming_of;
using testing_support::oracle;
using testing_support::renamed;

TEST(ViTs, ComputeTorchvisionsLogitsAndGradients) {
  const auto rename = [naming = naming_of(find_architecture("vit_b_16"), "torchvision")](const std::string& name) {
    return renamed(naming, name);
  };
  expect_torchvisions("vit_b_16", oracle("vit_b_16"), rename);
}

// By tools/timm_oracle.py.
TEST(ViTs, ComputeTimmsLogitsAndGradients) {
  const auto rename = [naming = naming_of(find_architecture("vit_b_16"), "torchvision")](const std::string& name) {
    return renamed(naming, name);
  };
  expect_torchvisions("vit_tiny_patch16_224", oracle("vit_tiny_patch16_224"), rename);
}

TEST(ViTs, WithRegistersComputeTimmsLogitsAndGradients) {
  expect_torchvisions("vit_small_patch14_reg4_dinov2", oracle("vit_small_patch14_reg4_dinov2"));
}

/// Meta's files have a position of the class token, timm's have added it.
TEST(ViTs, WithRegistersTakeMetasFiles) {
  const auto backbone = find_architecture("vit_small_patch14_reg4_dinov2").build({.image_px = 28});
  const torch::Tensor positions = torch::randn({1, 5, 384});
  TensorMap theirs{{"cls_token", torch::ones({1, 1, 384})}, {"pos_embed", positions}};
  backbone->adapt_published(theirs);
  EXPECT_TRUE(torch::equal(theirs["cls_token"], 1 + positions.narrow(1, 0, 1)));
  EXPECT_TRUE(torch::equal(theirs["pos_embed"], positions.narrow(1, 1, 4)));
  TensorMap larger{{"cls_token", torch::zeros({1, 1, 384})}, {"pos_embed", torch::randn({1, 16, 384})}};
  backbone->adapt_published(larger);
  EXPECT_EQ(larger["pos_embed"].sizes(), (std::vector<std::int64_t>{1, 4, 384}));
  const Naming meta = naming_of(find_architecture("vit_small_patch14_reg4_dinov2"), "meta");
  EXPECT_EQ(renamed(meta, "register_tokens"), "reg_token");
}

TEST(ViTs, KnowTheNamesOfTorchvisionsFirstFiles) {
  const auto rename = [naming = naming_of(find_architecture("vit_b_16"), "torchvision")](const std::string& name) {
    return renamed(naming, name);
  };
  EXPECT_EQ(rename("encoder.layers.encoder_layer_11.mlp.linear_1.bias"), "blocks.11.mlp.fc1.bias");
  EXPECT_EQ(rename("encoder.layers.encoder_layer_0.mlp.linear_2.weight"), "blocks.0.mlp.fc2.weight");
}

TEST(ViTs, DropWhatDinov2NeedsForTrainingOnly) {
  const auto& namings = find_architecture("vit_small_patch14_dinov2").namings;
  EXPECT_EQ(renamed(namings.front(), "mask_token"), "");
  EXPECT_EQ(renamed(namings.front(), "blocks.3.ls2.gamma"), "blocks.3.ls2.gamma");
}

/// The name in the table of swin_t's namings.
std::string ours(const std::string& publisher, const std::string& name) {
  return renamed(naming_of(find_architecture("swin_t"), publisher), name);
}

// 72 pixels: windows over the border, shifted ones, and an odd side where pixels are merged.
TEST(Swins, ComputeTorchvisionsLogitsAndGradients) { expect_torchvisions("swin_t", oracle("swin_t")); }

TEST(Swins, KnowTimmsNames) {
  EXPECT_EQ(ours("timm", "patch_embed.norm.weight"), "features.0.2.weight");
  EXPECT_EQ(ours("timm", "layers.2.blocks.5.attn.relative_position_bias_table"),
            "features.5.5.attn.relative_position_bias_table");
  EXPECT_EQ(ours("timm", "layers.3.blocks.0.mlp.fc2.bias"), "features.7.0.mlp.3.bias");
  EXPECT_EQ(ours("timm", "layers.1.downsample.reduction.weight"), "features.2.reduction.weight");
  EXPECT_EQ(ours("timm", "layers.3.downsample.norm.bias"), "features.6.norm.bias");
  EXPECT_EQ(ours("timm", "norm.bias"), "norm.bias");
  EXPECT_EQ(ours("timm", "head.fc.weight"), "head.weight");
}

TEST(Swins, KnowMicrosoftsNames) {
  EXPECT_EQ(ours("microsoft", "layers.0.downsample.norm.weight"), "features.2.norm.weight");
  EXPECT_EQ(ours("microsoft", "layers.2.downsample.reduction.weight"), "features.6.reduction.weight");
  EXPECT_EQ(ours("microsoft", "layers.0.blocks.1.attn_mask"), "");
  EXPECT_EQ(ours("microsoft", "head.bias"), "head.bias");
}

}  // namespace

}  // namespace margay::model
