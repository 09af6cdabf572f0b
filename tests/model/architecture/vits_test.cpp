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

TEST(ViTs, ComputeTorchvisionsLogitsAndGradients) {
  const auto rename = [naming = naming_of(find_architecture("vit_b_16"), "torchvision")](const std::string& name) {
    return renamed(naming, name);
  };
  expect_torchvisions("vit_b_16", oracle("vit_b_16"), rename);
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

}  // namespace
}  // namespace margay::model
