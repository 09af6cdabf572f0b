#include <gtest/gtest.h>

#include "margay/model/architecture/architectures.h"
#include "tests/support/naming_rules.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

using testing_support::expect_torchvisions;
using testing_support::naming_of;
using testing_support::oracle;
using testing_support::renamed;

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
