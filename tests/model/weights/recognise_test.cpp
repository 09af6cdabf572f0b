#include "margay/model/weights/recognise.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"

namespace margay::model {
namespace {

/// As a publisher's file has them, with his classes.
TensorMap published(const std::string& name, const std::string& prefix = "") {
  const auto backbone = find_architecture(name).build({});
  TensorMap tensors;
  for (const auto& each : backbone->named_parameters()) tensors[prefix + each.key()] = each.value();
  for (const auto& each : backbone->named_buffers()) tensors[prefix + each.key()] = each.value();
  tensors[prefix + "fc.weight"] = torch::zeros({1000, backbone->features()});
  tensors[prefix + "fc.bias"] = torch::zeros({1000});
  return tensors;
}

TEST(Recognise, TellsNetworksOfAFamilyApart) {
  for (const std::string name : {"resnet18", "resnet34"}) {
    const std::optional<Recognised> found = recognise(published(name));
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->architecture->name, name);
    EXPECT_DOUBLE_EQ(found->share, 1);
  }
}

TEST(Recognise, SeesAClassifiersBackboneWhateverItsHead) {
  const auto classifier = make_classifier({.architecture = "resnet20", .num_classes = 3});
  const std::optional<Recognised> found = recognise(classifier->state());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->architecture->name, "resnet20");
  EXPECT_EQ(found->naming, "margay");
  EXPECT_DOUBLE_EQ(found->share, 1);
  EXPECT_TRUE(found->tensors.contains("layer1.0.conv1.weight"));
  EXPECT_TRUE(found->tensors.contains("head.8.weight"));
}

TEST(Recognise, SeesThroughWrappersAndKeepsThePublishedHead) {
  const Recognised found = recognise(published("resnet20", "module."), find_architecture("resnet20"));
  EXPECT_DOUBLE_EQ(found.share, 1);
  EXPECT_TRUE(found.tensors.contains("layer1.0.conv1.weight"));
  EXPECT_TRUE(found.tensors.contains("fc.weight"));
}

TEST(Recognise, IsNotSureOfOtherNetworks) {
  EXPECT_FALSE(recognise({{"a", torch::zeros({272'474})}}));
  EXPECT_FALSE(recognise(TensorMap{}));
  EXPECT_LT(recognise(published("resnet34"), find_architecture("resnet18")).share, 0.75);
}

TEST(Recognise, ChangesNothingThatIsDrawnLater) {
  const TensorMap tensors = published("resnet20");
  torch::manual_seed(3);
  recognise(tensors);
  const torch::Tensor drawn = torch::rand({4});
  torch::manual_seed(3);
  EXPECT_TRUE(drawn.equal(torch::rand({4})));
}

}  // namespace
}  // namespace margay::model
