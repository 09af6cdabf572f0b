#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "tests/support/published_network.h"

namespace margay::model {
namespace {

TEST(SqueezeNets, ComputeTorchvisionsLogitsAndGradients) {
  for (const char* name : {"squeezenet1_0", "squeezenet1_1"}) {
    testing_support::expect_torchvisions(name, testing_support::oracle(name));
  }
}

TEST(SqueezeNets, StartAsPublished) {
  torch::manual_seed(3);
  const auto backbone = find_architecture("squeezenet1_1").build({});
  // Kaiming uniform: within sqrt(6 / inputs).
  EXPECT_NEAR(backbone->named_parameters()["features.0.weight"].abs().max().item<double>(), std::sqrt(6.0 / 27), 5e-3);
  const auto head = backbone->make_published_head(20)->named_parameters();
  EXPECT_NEAR(head["classifier.1.weight"].std().item<double>(), 0.01, 5e-4);
  EXPECT_EQ(head["classifier.1.bias"].abs().max().item<double>(), 0);
}

TEST(SqueezeNets, AreSplitWhereFastaiSplitsThem) {
  const auto groups = make_classifier({.architecture = "squeezenet1_1"})->parameter_groups();
  EXPECT_EQ(groups[0].parameters.size(), 2U + 2 * 6);  // a convolution and two Fire modules
  EXPECT_EQ(groups[0].parameters.back().name, "backbone.features.4.expand3x3.bias");
  EXPECT_EQ(groups[1].parameters.front().name, "backbone.features.6.squeeze.weight");
}

}  // namespace
}  // namespace margay::model
