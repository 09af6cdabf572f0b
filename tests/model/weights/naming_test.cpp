#include <string>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/model/weights/naming.h"

namespace margay::model {
namespace {

/// A network of a few tensors that one can follow.
class NamingTest : public testing::Test {
 protected:
  NamedWeights name(const TensorMap& found, const Architecture& architecture = {}) const {
    return name_as_ours(found, {own_, head_}, architecture);
  }

  /// Our tensors and a head for 10 classes, each under what `rename` makes of its name.
  template <class Rename>
  TensorMap renamed(Rename&& rename) const {
    TensorMap result;
    for (const auto& [name, tensor] : own_) result[rename(name)] = tensor.clone();
    result[rename("fc.weight")] = torch::zeros({10, 4});
    return result;
  }

  void expect_ours(const NamedWeights& weights) const {
    EXPECT_EQ(weights.backbone.size(), own_.size());
    for (const auto& [name, tensor] : own_) {
      ASSERT_TRUE(weights.backbone.contains(name)) << name;
      EXPECT_TRUE(torch::equal(weights.backbone.at(name), tensor)) << name;
    }
  }

  const TensorMap own_{{"conv1.weight", torch::full({4, 3, 3, 3}, 1.0)},
                       {"bn1.weight", torch::full({4}, 2.0)},
                       {"bn1.num_batches_tracked", torch::tensor(7)},
                       {"layer1.0.conv1.weight", torch::full({4, 4, 3, 3}, 3.0)}};
  const std::set<std::string> head_{"fc.weight"};
};

std::string with_prefix(const std::string& prefix, const std::string& name) { return prefix + name; }

TEST_F(NamingTest, KeepsOurOwnNames) {
  const NamedWeights weights = name(renamed([](const std::string& each) { return each; }));
  expect_ours(weights);
  EXPECT_EQ(weights.head.size(), 1U);
  EXPECT_EQ(weights.naming, "the network's own");
}

TEST_F(NamingTest, TakesANewHeadBesideOurOwnNames) {
  TensorMap found = own_;
  found["head.2.running_mean"] = torch::zeros({8});
  found["head.norm.weight"] = torch::zeros({8});  // no layer of a head of ours
  const NamedWeights weights = name(found);
  EXPECT_TRUE(weights.head.contains("2.running_mean"));
  EXPECT_TRUE(weights.backbone.contains("head.norm.weight"));
}

TEST_F(NamingTest, TakesWrappersOff) {
  for (const char* prefix : {"module.", "model.", "net.", "_orig_mod.", "module.model.net.", "model._orig_mod.module.",
                             "backbone.", "encoder."}) {
    const NamedWeights weights = name(renamed([&](const std::string& each) { return with_prefix(prefix, each); }));
    expect_ours(weights);
    EXPECT_EQ(weights.head.size(), 1U) << prefix;
  }
}

TEST_F(NamingTest, LeavesOutWhatWasBesideTheWrappedNetwork) {
  TensorMap lightning = renamed([&](const std::string& each) { return with_prefix("model.", each); });
  lightning["criterion.weight"] = torch::ones({10});
  lightning["n_averaged"] = torch::tensor(3);
  expect_ours(name(lightning));
}

TEST_F(NamingTest, ReadsABundle) {
  TensorMap bundle;
  for (const auto& [name, tensor] : own_) bundle["backbone." + name] = tensor;
  bundle["head.8.weight"] = torch::ones({10, 4});
  const NamedWeights weights = name(bundle);
  expect_ours(weights);
  EXPECT_TRUE(weights.head.contains("8.weight"));
  EXPECT_EQ(weights.naming, "margay");
}

TEST_F(NamingTest, ReadsFastaisNumbers) {
  const TensorMap learner{{"0.0.weight", own_.at("conv1.weight")},
                          {"0.1.weight", own_.at("bn1.weight")},
                          {"0.1.num_batches_tracked", own_.at("bn1.num_batches_tracked")},
                          {"0.4.0.conv1.weight", own_.at("layer1.0.conv1.weight")},
                          {"1.8.weight", torch::ones({10, 4})}};
  const NamedWeights weights = name(learner);
  expect_ours(weights);
  EXPECT_TRUE(weights.head.contains("8.weight"));
  EXPECT_EQ(weights.naming, "fastai");
}

TEST_F(NamingTest, ReadsFastaiAroundTimm) {
  TensorMap learner;
  for (const auto& [name, tensor] : own_) learner["0.model." + name] = tensor;
  learner["1.8.weight"] = torch::ones({10, 4});
  const NamedWeights weights = name(learner);
  expect_ours(weights);
  EXPECT_TRUE(weights.head.contains("8.weight"));
}

TEST_F(NamingTest, TranslatesAPublishersNames) {
  const Architecture architecture{.namings = {{"other", {{"stem\\.(.+)", "nothing.\\1"}}},
                                              {"timm",
                                               {{R"(stem\.conv\.(\w+))", R"(conv1.\1)"},
                                                {R"(stem\.bn\.(.+))", R"(bn1.\1)"},
                                                {R"(stages\.(\d+)\.blocks\.(.+))", R"(layer\1.\2)"},
                                                {"head_dist\\..*", ""},
                                                {R"(head\.(.+))", R"(fc.\1)"}}}}};
  const TensorMap timm{{"stem.conv.weight", own_.at("conv1.weight")},
                       {"stem.bn.weight", own_.at("bn1.weight")},
                       {"stem.bn.num_batches_tracked", own_.at("bn1.num_batches_tracked")},
                       {"stages.1.blocks.0.conv1.weight", own_.at("layer1.0.conv1.weight")},
                       {"head_dist.weight", torch::ones({10, 4})},
                       {"head.weight", torch::ones({10, 4})}};
  TensorMap wrapped;
  for (const auto& [name, tensor] : timm) wrapped["module." + name] = tensor;
  for (const TensorMap& found : {timm, wrapped}) {
    const NamedWeights weights = name(found, architecture);
    expect_ours(weights);
    EXPECT_EQ(weights.naming, "timm");
    EXPECT_EQ(weights.head.size(), 1U);
  }
}

TEST_F(NamingTest, LosesNoTensorWhoseNewNameIsTaken) {
  const TensorMap found{{"a", torch::zeros({1})}, {"b", torch::ones({1})}};
  const TensorMap result = translated(found, {"x", {{"[ab]", "c"}}});
  EXPECT_EQ(result.size(), 2U);
  EXPECT_TRUE(result.contains("c") && result.contains("b"));
}

TEST_F(NamingTest, KeepsWhatFitsNowhereForTheReport) {
  TensorMap found = own_;
  found["layer9.weight"] = torch::ones({1});
  EXPECT_TRUE(name(found).backbone.contains("layer9.weight"));
}

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
