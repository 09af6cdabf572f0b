#include "margay/model/weights/pretrained.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/safetensors.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::model {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;

/// What a publisher would write for a network: names without prefix, and a classifier of his own.
TensorMap published_state(const std::string& architecture) {
  const auto backbone = find_architecture(architecture).build({});
  TensorMap state;
  for (const auto& each : backbone->named_parameters()) state[each.key()] = each.value().detach().clone();
  for (const auto& each : backbone->named_buffers()) state[each.key()] = each.value().clone();
  state["fc.weight"] = torch::zeros({10, backbone->features()});
  state["fc.bias"] = torch::zeros({10});
  return state;
}

class PretrainedTest : public testing::Test {
 protected:
  std::filesystem::path write(const TensorMap& state) const {
    write_safetensors(folder_ / "weights.safetensors", state);
    return folder_ / "weights.safetensors";
  }

  std::string refusal(const TensorMap& state) const {
    return thrown_message<core::FormatError>([&] { load_pretrained(*classifier_, write(state)); });
  }

  const TemporaryFolder folder_;
  const std::shared_ptr<Classifier> classifier_ =
      make_classifier({.architecture = "resnet20", .num_classes = 3, .head = {.hidden = 8}});
};

TEST_F(PretrainedTest, FillsTheBackboneAndLeavesTheHead) {
  const torch::Tensor head_before = classifier_->state().at("head.8.weight").clone();
  const TensorMap published = published_state("resnet20");
  load_pretrained(*classifier_, write(published));
  const TensorMap state = classifier_->state();
  for (const auto& [name, tensor] : published) {
    if (name.rfind("fc.", 0) == 0) continue;
    EXPECT_TRUE(torch::equal(state.at("backbone." + name), tensor)) << name;
  }
  EXPECT_TRUE(torch::equal(state.at("head.8.weight"), head_before));
}

TEST_F(PretrainedTest, WidensHalfPrecision) {
  for (const torch::Dtype dtype : {torch::kHalf, torch::kBFloat16}) {
    TensorMap published = published_state("resnet20");
    published["conv1.weight"] = published["conv1.weight"].to(dtype);
    load_pretrained(*classifier_, write(published));
    const torch::Tensor loaded = classifier_->state().at("backbone.conv1.weight");
    EXPECT_EQ(loaded.scalar_type(), torch::kFloat);
    EXPECT_TRUE(torch::equal(loaded, published["conv1.weight"].to(torch::kFloat)));
  }
}

TEST_F(PretrainedTest, DoesWithoutCounters) {
  TensorMap published = published_state("resnet20");
  std::erase_if(published, [](const auto& each) { return each.first.ends_with("num_batches_tracked"); });
  EXPECT_NO_THROW(load_pretrained(*classifier_, write(published)));
}

TEST_F(PretrainedTest, ListsWhatDoesNotFitAndChangesNothing) {
  TensorMap published = published_state("resnet20");
  published.erase("bn1.running_mean");
  published["conv1.weight"] = torch::zeros({16, 3, 7, 7});
  published["layer9.weight"] = torch::zeros({1});
  const torch::Tensor before = classifier_->state().at("backbone.layer1.0.conv1.weight").clone();
  const std::string message = refusal(published);
  EXPECT_NE(message.find("weights.safetensors: does not hold resnet20's weights: 1 missing: bn1.running_mean; 1 not "
                         "expected: layer9.weight; 1 of another shape: conv1.weight expected [16,3,3,3], found "
                         "[16,3,7,7]"),
            std::string::npos)
      << message;
  EXPECT_TRUE(torch::equal(classifier_->state().at("backbone.layer1.0.conv1.weight"), before));
}

TEST_F(PretrainedTest, TellsWhichArchitectureTheFileLooksLike) {
  const std::string message = refusal(published_state("resnet18"));
  EXPECT_TRUE(message.ends_with("; these look like resnet18's")) << message;
}

TEST_F(PretrainedTest, GuessesNothingForAFileOfSomethingElse) {
  const std::string message = refusal({{"encoder.weight", torch::zeros({2})}});
  EXPECT_EQ(message.find("look like"), std::string::npos) << message;
}

TEST_F(PretrainedTest, LoadsPublishedImagenetWeights) {
  const std::filesystem::path file = testing_support::shared_path("weights/resnet18-imagenet.safetensors");
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no " << file;
  const auto classifier = make_classifier({.architecture = "resnet18", .num_classes = 37});
  load_pretrained(*classifier, file);
  const SafetensorsFile published = read_safetensors(file);
  const TensorMap state = classifier->state();
  for (const char* name : {"conv1.weight", "bn1.running_var", "layer4.1.conv2.weight"}) {
    const torch::Tensor expected = published.tensors.at(name).to(torch::kFloat);
    EXPECT_TRUE(torch::equal(state.at(std::string("backbone.") + name), expected)) << name;
  }
}

}  // namespace
}  // namespace margay::model
