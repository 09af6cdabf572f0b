#include <gtest/gtest.h>

#include "margay/model/architecture/architectures.h"
#include "tests/support/published_network.h"
#include "tests/support/published_rename.h"

namespace margay::model {
namespace {

using testing_support::expect_torchvisions;
using testing_support::oracle;
using testing_support::rename_of;

TEST(ViTs, ComputeTorchvisionsLogitsAndGradients) {
  const auto rename = rename_of(find_architecture("vit_b_16").namings.front());
  expect_torchvisions("vit_b_16", oracle("vit_b_16"), rename);
}

TEST(ViTs, KnowTheNamesOfTorchvisionsFirstFiles) {
  const auto rename = rename_of(find_architecture("vit_b_16").namings.front());
  EXPECT_EQ(rename("encoder.layers.encoder_layer_11.mlp.linear_1.bias"), "blocks.11.mlp.fc1.bias");
  EXPECT_EQ(rename("encoder.layers.encoder_layer_0.mlp.linear_2.weight"), "blocks.0.mlp.fc2.weight");
}

}  // namespace
}  // namespace margay::model
