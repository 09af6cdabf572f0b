#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/nn/functional/loss.h>
#include <torch/optim/adam.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "tests/support/golden.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::golden;
using testing_support::thrown_message;

constexpr const char* kGolden = "vision_learner_37.json";

/// fastai numbers its body's children; ours have torchvision's names. "backbone.layer1.0.conv1.weight" ->
/// "0.4.0.conv1.weight", "head.2.bias" -> "1.2.bias".
std::string fastai_name(const std::string& name) {
  static const std::vector<std::pair<std::string, std::string>> prefixes{{"backbone.conv1.", "0.0."},
                                                                         {"backbone.bn1.", "0.1."},
                                                                         {"backbone.layer1.", "0.4."},
                                                                         {"backbone.layer2.", "0.5."},
                                                                         {"backbone.layer3.", "0.6."},
                                                                         {"backbone.layer4.", "0.7."},
                                                                         {"head.", "1."}};
  for (const auto& [ours, theirs] : prefixes) {
    if (name.rfind(ours, 0) == 0) return theirs + name.substr(ours.size());
  }
  return name;
}

class GoldenClassifier : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    MARGAY_REQUIRE_GOLDEN(kGolden);
    golden_ = golden(kGolden)[GetParam()];
    classifier_ = make_classifier({.architecture = GetParam(), .num_classes = 37});
  }

  nlohmann::json golden_;
  std::shared_ptr<Classifier> classifier_;
};

TEST_P(GoldenClassifier, SplitsParametersAsFastai) {
  const std::vector<ParameterGroup> groups = classifier_->parameter_groups();
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].name, "body-early");
  EXPECT_EQ(groups[1].name, "body-late");
  EXPECT_EQ(groups[2].name, "head");
  for (std::size_t g = 0; g < groups.size(); ++g) {
    std::vector<std::string> names;
    std::int64_t count = 0;
    for (const NamedParameter& each : groups[g].parameters) {
      names.push_back(fastai_name(each.name));
      count += each.tensor.numel();
    }
    EXPECT_EQ(nlohmann::json(names), golden_["groups"][g]);
    EXPECT_EQ(count, golden_["groups_n"][g].get<std::int64_t>());
  }
}

TEST_P(GoldenClassifier, KnowsWhichParametersAreNormsAndBiases) {
  std::vector<std::string> no_decay;
  std::vector<std::string> always_trained;
  for (const ParameterGroup& group : classifier_->parameter_groups()) {
    for (const NamedParameter& each : group.parameters) {
      if (each.is_norm_or_bias) no_decay.push_back(fastai_name(each.name));
      if (each.is_norm) always_trained.push_back(fastai_name(each.name));
    }
  }
  EXPECT_EQ(nlohmann::json(no_decay), golden_["no_wd"]);
  EXPECT_EQ(nlohmann::json(always_trained), golden_["force_train"]);
}

TEST_P(GoldenClassifier, FreezesAsFastai) {
  classifier_->freeze();
  std::vector<std::string> trained;
  std::int64_t count = 0;
  for (const auto& each : classifier_->named_parameters()) {
    if (!each.value().requires_grad()) continue;
    trained.push_back(fastai_name(each.key()));
    count += each.value().numel();
  }
  EXPECT_EQ(nlohmann::json(trained), golden_["requires_grad_after_freeze"]);
  EXPECT_EQ(count, golden_["trainable_after_freeze"].get<std::int64_t>());
  classifier_->unfreeze();
  for (const torch::Tensor& each : classifier_->parameters()) EXPECT_TRUE(each.requires_grad());
}

TEST_P(GoldenClassifier, HasFastaisStateInShapeAndKind) {
  std::set<std::string> expected;
  for (const auto& each : golden_["state_dict"]) expected.insert(each[0].get<std::string>() + each[1].dump());
  std::set<std::string> found;
  for (const auto& [name, tensor] : classifier_->state()) {
    found.insert(fastai_name(name) + nlohmann::json(tensor.sizes().vec()).dump());
  }
  EXPECT_EQ(found, expected);
}

INSTANTIATE_TEST_SUITE_P(ResNets, GoldenClassifier, testing::Values("resnet18", "resnet34", "resnet50"),
                         [](const auto& test) { return std::string(test.param); });

ClassifierOptions small(std::int64_t num_classes = 5) {
  return {.architecture = "resnet20", .num_classes = num_classes, .head = {.hidden = {16}}};
}

TEST(Classifier, TurnsImagesIntoLogits) {
  const auto classifier = make_classifier(small());
  const torch::Tensor logits = classifier->forward(torch::randn({2, 3, 64, 64}));
  EXPECT_EQ(logits.sizes(), (std::vector<std::int64_t>{2, 5}));
  EXPECT_EQ(classifier->device(), torch::Device(torch::kCPU));
}

TEST(Classifier, DrawsNothingWhereItsWeightsAreLoaded) {
  torch::manual_seed(7);
  const auto drawn = make_classifier(small());
  const torch::Tensor next = torch::rand({3});
  torch::manual_seed(7);
  const auto empty = make_empty_classifier(small());
  empty->load_state(drawn->state(), "a classifier");
  for (const auto& [name, tensor] : empty->state()) EXPECT_TRUE(tensor.equal(drawn->state().at(name))) << name;
  const auto again = make_classifier(small());
  for (const auto& [name, tensor] : again->state()) EXPECT_TRUE(tensor.equal(drawn->state().at(name))) << name;
  EXPECT_TRUE(torch::rand({3}).equal(next)) << "as if there had been no empty one";
}

TEST(Classifier, ComputesTheSameForEitherLayoutOfImages) {
  torch::manual_seed(1);
  const auto classifier = make_classifier(small());
  classifier->eval();
  const torch::Tensor images = torch::randn({2, 3, 32, 32});
  const torch::Tensor plain = classifier->forward(images);
  const torch::Tensor channels_last = classifier->forward(images.contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(torch::equal(plain, channels_last));
}

TEST(Classifier, RefusesWhatIsNoBatchOfImages) {
  const auto classifier = make_classifier(small());
  EXPECT_NE(thrown_message<std::invalid_argument>([&] {
              classifier->forward(torch::zeros({3, 64, 64}));
            }).find("images must be float [N,3,H,W], got Float [3, 64, 64]"),
            std::string::npos);
  EXPECT_THROW(classifier->forward(torch::zeros({1, 1, 64, 64})), std::invalid_argument);
  EXPECT_THROW(classifier->forward(torch::zeros({1, 3, 64, 64}, torch::kByte)), std::invalid_argument);
}

TEST(Classifier, KeepsConvolutionsChannelsLastAlsoAfterLoading) {
  const auto classifier = make_classifier(small());
  TensorMap contiguous;
  for (const auto& [name, tensor] : classifier->state()) contiguous[name] = tensor.clone().contiguous();
  classifier->load_state(contiguous, "memory");
  for (const torch::Tensor& each : classifier->parameters()) {
    const bool is_convolution = each.dim() == 4;
    EXPECT_TRUE(!is_convolution || each.is_contiguous(torch::MemoryFormat::ChannelsLast));
  }
}

TEST(Classifier, FreezingLeavesBatchNormsInTrainModeAndDropsOldGradients) {
  const auto classifier = make_classifier(small());
  classifier->forward(torch::randn({2, 3, 32, 32})).sum().backward();
  classifier->freeze();
  const auto parameters = classifier->named_parameters();
  EXPECT_FALSE(parameters["backbone.conv1.weight"].grad().defined());
  EXPECT_TRUE(parameters["backbone.bn1.weight"].grad().defined());
  EXPECT_TRUE(parameters["head.8.weight"].grad().defined());
  for (const auto& each : classifier->modules()) EXPECT_TRUE(each->is_training());
}

TEST(Classifier, FreezesPartially) {
  const auto classifier = make_classifier(small());
  classifier->freeze_to(1);
  const auto parameters = classifier->named_parameters();
  EXPECT_FALSE(parameters["backbone.layer1.0.conv1.weight"].requires_grad());
  EXPECT_TRUE(parameters["backbone.layer2.0.conv1.weight"].requires_grad());
  EXPECT_THROW(classifier->freeze_to(-1), std::invalid_argument);
  EXPECT_THROW(classifier->freeze_to(3), std::invalid_argument);
}

TEST(Classifier, StateRoundTripsToAnotherOne) {
  const auto first = make_classifier(small());
  const auto second = make_classifier(small());
  first->eval();
  second->eval();
  const torch::Tensor images = torch::randn({1, 3, 32, 32});
  EXPECT_FALSE(torch::equal(first->forward(images), second->forward(images)));
  second->load_state(first->state(), "memory");
  EXPECT_TRUE(torch::equal(first->forward(images), second->forward(images)));
}

TEST(Classifier, NamesWhatDoesNotFitAndChangesNothing) {
  const auto classifier = make_classifier(small());
  TensorMap state;
  for (const auto& [name, tensor] : classifier->state()) state[name] = torch::zeros_like(tensor);
  state.erase("backbone.conv1.weight");
  state["surplus"] = torch::zeros({1});
  state["head.8.weight"] = torch::zeros({7, 16});
  state["backbone.bn1.weight"] = torch::zeros({16}, torch::kLong);
  const std::string message =
      thrown_message<core::FormatError>([&] { classifier->load_state(state, "some/where.margay"); });
  EXPECT_EQ(message,
            "some/where.margay: does not hold the weights of resnet20 with 5 classes: 1 missing, 1 not expected, 2 of "
            "another shape\n"
            "  tensor                 expected    found\n"
            "  backbone.conv1.weight  [16,3,3,3]  -\n"
            "  surplus                -           [1]\n"
            "  backbone.bn1.weight    [16]        whole numbers [16]\n"
            "  head.8.weight          [5,16]      [7,16]");
  EXPECT_GT(classifier->named_parameters()["head.4.weight"].abs().sum().item<double>(), 0);
}

TEST(Classifier, CountsWhatItDoesNotName) {
  const auto classifier = make_classifier(small());
  const std::string message = thrown_message<core::FormatError>([&] { classifier->load_state({}, "empty"); });
  EXPECT_NE(message.find("138 missing\n"), std::string::npos) << message;
  EXPECT_TRUE(message.ends_with("… and 132 more")) << message;
}

TEST(Classifier, OptionsRoundTripThroughJson) {
  ClassifierOptions options;
  core::from_json(core::to_json(small(9)), options);
  EXPECT_EQ(options.architecture, "resnet20");
  EXPECT_EQ(options.num_classes, 9);
  EXPECT_EQ(options.head.hidden, std::vector<std::int64_t>{16});
  EXPECT_THROW(make_classifier({.num_classes = 0}), std::invalid_argument);
  EXPECT_THROW(make_classifier({.head = {.dropout = {1.5}}}), std::invalid_argument);
}

TEST(Classifier, LearnsAToyProblem) {
  torch::manual_seed(7);
  const auto classifier = make_classifier(small(2));
  const torch::Tensor targets = torch::arange(16).remainder(2);
  torch::Tensor images = torch::randn({16, 3, 32, 32}) * 0.5;
  images.select(1, 0).add_(targets.to(torch::kFloat).view({16, 1, 1}));  // class 1 is redder
  torch::optim::Adam optimizer(classifier->parameters(), torch::optim::AdamOptions(3e-3));
  for (int step = 0; step < 30; ++step) {
    optimizer.zero_grad();
    torch::nn::functional::cross_entropy(classifier->forward(images), targets).backward();
    optimizer.step();
  }
  classifier->eval();
  EXPECT_TRUE(torch::equal(classifier->forward(images).argmax(1), targets));
}

std::vector<std::string> names_of(const ParameterGroup& group) {
  std::vector<std::string> names;
  for (const NamedParameter& each : group.parameters) names.push_back(each.name);
  return names;
}

bool contains(const std::string& name, const std::string& part) { return name.find(part) != std::string::npos; }

TEST(ParameterGroups, PutTheBackbonesOwnParametersIntoTheFirst) {
  const auto classifier = make_classifier({.architecture = "vit_tiny_patch16_224", .image_px = 32});
  EXPECT_EQ(names_of(classifier->parameter_groups().front()),
            (std::vector<std::string>{"backbone.cls_token", "backbone.pos_embed", "backbone.patch_embed.proj.weight",
                                      "backbone.patch_embed.proj.bias"}));
}

TEST(ParameterGroups, DecayTheMatricesOfTransformersOnly) {
  for (const char* name : {"vit_small_patch14_dinov2", "swin_t"}) {
    const auto classifier =
        make_classifier({.architecture = name, .image_px = 28, .head = {.kind = HeadKind::kLinear}});
    for (const ParameterGroup& group : classifier->parameter_groups()) {
      for (const NamedParameter& each : group.parameters) {
        const bool is_matrix =
            each.name.ends_with("weight") && !contains(each.name, "norm") && !contains(each.name, "features.0.2");
        EXPECT_EQ(each.is_norm_or_bias, !is_matrix) << each.name;
        EXPECT_FALSE(each.is_norm) << each.name;  // batch norms only
      }
    }
  }
}

}  // namespace

}  // namespace margay::model
