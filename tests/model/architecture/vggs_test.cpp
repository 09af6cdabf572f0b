#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/backbone/vgg.h"
#include "tests/support/naming_rules.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

TEST(Vggs, ComputeTorchvisionsLogitsAndGradients) {
  testing_support::expect_torchvisions("vgg16_bn", testing_support::oracle("vgg16_bn"));
}

TEST(Vggs, StartAsPublished) {
  torch::manual_seed(3);
  const Vgg tiny({.blocks = {{64}, {4}}});
  const auto convolutions = tiny.named_parameters();
  EXPECT_NEAR(convolutions["features.0.weight"].std().item<double>(), std::sqrt(2.0 / (64 * 9)), 3e-3);
  EXPECT_EQ(convolutions["features.0.bias"].abs().max().item<double>(), 0);
  const auto linears = tiny.make_published_head(3)->named_parameters();
  EXPECT_NEAR(linears["classifier.0.weight"].std().item<double>(), 0.01, 1e-4);
  EXPECT_NEAR(linears["classifier.6.weight"].std().item<double>(), 0.01, 1e-3);
  EXPECT_EQ(linears["classifier.3.bias"].abs().max().item<double>(), 0);
}

TEST(Vggs, HaveTheirLinearLayersUnderTimmsNames) {
  const Naming timm = testing_support::naming_of(find_architecture("vgg16"), "timm");
  EXPECT_EQ(testing_support::renamed(timm, "features.28.weight"), "features.28.weight");
  EXPECT_EQ(testing_support::renamed(timm, "pre_logits.fc1.weight"), "classifier.0.weight");
  EXPECT_EQ(testing_support::renamed(timm, "pre_logits.fc2.bias"), "classifier.3.bias");
  EXPECT_EQ(testing_support::renamed(timm, "head.fc.weight"), "classifier.6.weight");
}

TEST(Vggs, AreSplitWhereFastaiSplitsThem) {
  const auto early = find_architecture("vgg16").build({})->early_children();
  EXPECT_EQ(early.size(), 22U);
  EXPECT_EQ(early.back(), "features.21");
}

}  // namespace
}  // namespace margay::model
