#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/pretrained.h"
#include "margay/model/weights/safetensors.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/torch_writer.h"

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
      make_classifier({.architecture = "resnet20", .num_classes = 3, .head = {.hidden = {8}}});
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

TEST_F(PretrainedTest, ReadsAStateWhoseCountersWereHalvedToo) {
  TensorMap published;
  for (const auto& [name, tensor] : published_state("resnet20")) published["module." + name] = tensor.to(torch::kHalf);
  load_pretrained(*classifier_, write(published));
  EXPECT_EQ(classifier_->state().at("backbone.bn1.num_batches_tracked").scalar_type(), torch::kLong);
}

TEST_F(PretrainedTest, DoesWithoutCounters) {
  TensorMap published = published_state("resnet20");
  std::erase_if(published, [](const auto& each) { return each.first.ends_with("num_batches_tracked"); });
  load_pretrained(*classifier_, write(published));
  const TensorMap state = classifier_->state();
  for (const auto& [name, tensor] : published) {
    if (name.starts_with("fc.")) continue;
    EXPECT_TRUE(torch::equal(state.at("backbone." + name), tensor)) << name;
  }
}

TEST_F(PretrainedTest, ListsWhatDoesNotFitAndChangesNothing) {
  TensorMap published = published_state("resnet20");
  published.erase("bn1.running_mean");
  published["conv1.weight"] = torch::zeros({16, 3, 7, 7});
  published["layer9.weight"] = torch::zeros({1});
  const torch::Tensor before = classifier_->state().at("backbone.layer1.0.conv1.weight").clone();
  const std::string message = refusal(published);
  EXPECT_NE(
      message.find("weights.safetensors: does not hold resnet20's weights: 1 missing, 1 not expected, 1 of another "
                   "shape\n"
                   "  tensor            expected    found\n"
                   "  bn1.running_mean  [16]        -\n"
                   "  layer9.weight     -           [1]\n"
                   "  conv1.weight      [16,3,3,3]  [16,3,7,7]"),
      std::string::npos)
      << message;
  EXPECT_TRUE(torch::equal(classifier_->state().at("backbone.layer1.0.conv1.weight"), before));
}

TEST_F(PretrainedTest, TellsWhichArchitectureTheFileLooksLike) {
  const std::string message = refusal(published_state("resnet18"));
  EXPECT_NE(message.find("does not hold resnet20's weights; these look like resnet18's, which takes `arch` resnet18: "),
            std::string::npos)
      << message;
}

TEST_F(PretrainedTest, GuessesNothingForAFileOfSomethingElse) {
  const std::string message = refusal({{"encoder.weight", torch::zeros({2})}});
  EXPECT_EQ(message.find("look like"), std::string::npos) << message;
}

TEST_F(PretrainedTest, ReadsFilesOfTorchInBothForms) {
  const TensorMap published = published_state("resnet20");
  for (const std::string& bytes :
       {testing_support::torch_zip_of(published), testing_support::torch_legacy_of(published),
        testing_support::torch_zip_of(published, "}" + testing_support::pickled("model"), "s")}) {
    const auto classifier = make_classifier(classifier_->options());
    testing_support::write(folder_ / "resnet20.pth", bytes);
    const LoadedWeights loaded = load_pretrained(*classifier, folder_ / "resnet20.pth");
    EXPECT_TRUE(loaded.format.starts_with("PyTorch")) << loaded.format;
    EXPECT_TRUE(
        torch::equal(classifier->state().at("backbone.layer3.2.conv2.weight"), published.at("layer3.2.conv2.weight")));
  }
}

TEST_F(PretrainedTest, ReadsALearnerOfFastai) {
  const auto source = make_classifier(classifier_->options());
  TensorMap learner;
  for (const auto& [name, tensor] : source->state()) {
    std::string numbered = name;
    for (const auto& [ours, theirs] : std::vector<std::pair<std::string, std::string>>{{"backbone.conv1.", "0.0."},
                                                                                       {"backbone.bn1.", "0.1."},
                                                                                       {"backbone.layer1.", "0.4."},
                                                                                       {"backbone.layer2.", "0.5."},
                                                                                       {"backbone.layer3.", "0.6."},
                                                                                       {"head.", "1."}}) {
      if (name.starts_with(ours)) numbered = theirs + name.substr(ours.size());
    }
    learner[numbered] = tensor;
  }
  testing_support::write(folder_ / "pets.pth",
                         testing_support::torch_zip_of(learner, "}" + testing_support::pickled("model"), "s"));
  EXPECT_FALSE(load_pretrained(*classifier_, folder_ / "pets.pth").has_kept_head);
  const LoadedWeights loaded = load_pretrained(*classifier_, folder_ / "pets.pth", {.head = HeadWeights::kAny});
  EXPECT_TRUE(loaded.has_kept_head);
  EXPECT_EQ(loaded.naming, "fastai");
  for (const auto& [name, tensor] : source->state())
    EXPECT_TRUE(torch::equal(classifier_->state().at(name), tensor)) << name;
}

TEST_F(PretrainedTest, ReadsTheTensorsOfABundle) {
  const auto source = make_classifier(classifier_->options());
  const LoadedWeights loaded = load_pretrained(*classifier_, write(source->state()), {.head = HeadWeights::kAny});
  EXPECT_TRUE(loaded.has_kept_head);
  for (const auto& [name, tensor] : source->state())
    EXPECT_TRUE(torch::equal(classifier_->state().at(name), tensor)) << name;
}

TEST_F(PretrainedTest, KeepsThePublishedHeadForAsManyClassesOnly) {
  TensorMap published = published_state("resnet20");
  published["fc.weight"].fill_(0.5);
  for (const std::int64_t classes : {10, 3}) {
    const auto classifier =
        make_classifier({.architecture = "resnet20", .num_classes = classes, .head = {.kind = HeadKind::kPublished}});
    const bool is_same = load_pretrained(*classifier, write(published)).has_kept_head;
    EXPECT_EQ(is_same, classes == 10);
    EXPECT_EQ(torch::equal(classifier->state().at("head.fc.weight"), torch::full({classes, 64}, 0.5)), is_same);
  }
  const auto fresh =
      make_classifier({.architecture = "resnet20", .num_classes = 10, .head = {.kind = HeadKind::kPublished}});
  EXPECT_FALSE(load_pretrained(*fresh, write(published), {.head = HeadWeights::kNever}).has_kept_head);
}

TEST_F(PretrainedTest, AdaptsTheInputToOtherChannels) {
  const TensorMap published = published_state("resnet20");
  for (const std::int64_t channels : {1, 2, 4, 7}) {
    const auto classifier = make_classifier({.architecture = "resnet20", .in_channels = channels});
    load_pretrained(*classifier, write(published));
    const torch::Tensor loaded = classifier->state().at("backbone.conv1.weight");
    EXPECT_TRUE(torch::allclose(loaded, adapt_input(published.at("conv1.weight"), channels))) << channels;
  }
}

TEST(AdaptInput, PredictsGreyImagesAsBefore) {
  const torch::Tensor weight = torch::arange(24.0F).view({2, 3, 2, 2});
  for (const std::int64_t channels : {1, 3, 6}) {
    EXPECT_TRUE(torch::allclose(adapt_input(weight, channels).sum(1), weight.sum(1))) << channels;
  }
  const torch::Tensor four = adapt_input(weight, 4);
  EXPECT_TRUE(torch::allclose(four.select(1, 3), weight.select(1, 0) * 0.75));  // R, G, B, R
  EXPECT_TRUE(torch::allclose(adapt_input(weight, 2), weight.narrow(1, 0, 2) * 1.5));
  EXPECT_THROW(adapt_input(weight, 0), std::invalid_argument);
  EXPECT_THROW(adapt_input(torch::zeros({2, 1, 3, 3}), 3), std::invalid_argument);
}

TEST_F(PretrainedTest, TakesItsOwnWeightsFromAFolderOfMany) {
  TensorMap published = published_state("resnet20");
  write_safetensors(folder_ / "resnet18.safetensors", {});
  write_safetensors(folder_ / "resnet20.safetensors", published);
  load_pretrained(*classifier_, folder_.path());
  EXPECT_TRUE(torch::equal(classifier_->state().at("backbone.conv1.weight"), published.at("conv1.weight")));
}

TEST_F(PretrainedTest, TakesShapesThatDifferBySidesOfOne) {
  TensorMap published = published_state("resnet20");
  published["bn1.weight"] = torch::full({1, 16, 1, 1}, 4.0);
  load_pretrained(*classifier_, write(published));
  EXPECT_TRUE(torch::equal(classifier_->state().at("backbone.bn1.weight"), torch::full({16}, 4.0)));
}

TEST_F(PretrainedTest, NamesTheNearestTensor) {
  TensorMap published = published_state("resnet20");
  published["layer1.0.convl.weight"] = published["layer1.0.conv1.weight"];
  published.erase("layer1.0.conv1.weight");
  EXPECT_NE(refusal(published).find("layer1.0.conv1.weight  [16,16,3,3]  -            the nearest that is there: "
                                    "layer1.0.convl.weight"),
            std::string::npos)
      << refusal(published);
}

TEST_F(PretrainedTest, DrawsNothingThatWouldChangeTraining) {
  const std::filesystem::path file = write(published_state("resnet20"));
  torch::manual_seed(3);
  const torch::Tensor expected = torch::rand({4});
  torch::manual_seed(3);
  load_pretrained(*classifier_, file);
  EXPECT_TRUE(torch::equal(torch::rand({4}), expected));
}

TEST_F(PretrainedTest, ChecksTheSha256) {
  const std::filesystem::path file = write(published_state("resnet20"));
  std::string sum = core::sha256_of_file(file);
  EXPECT_NO_THROW(load_pretrained(*classifier_, file, {.sha256 = sum}));
  EXPECT_NO_THROW(load_pretrained(*classifier_, folder_.path(), {.sha256 = sum}));  // of the file in it
  EXPECT_THROW(load_pretrained(*classifier_, file, {.sha256 = "abc"}), std::invalid_argument);
  sum.front() = sum.front() == '0' ? '1' : '0';
  const std::string message =
      thrown_message<core::DataError>([&] { load_pretrained(*classifier_, file, {.sha256 = sum}); });
  EXPECT_NE(message.find(", expected " + sum), std::string::npos) << message;
  testing_support::write(folder_ / "i.json", "{}");
  EXPECT_THROW(load_pretrained(*classifier_, folder_ / "i.json", {.sha256 = sum}), std::invalid_argument);
}

TEST_F(PretrainedTest, SaysHowMissingWeightsCanBeFetched) {
  const auto classifier = make_classifier({.architecture = "resnet18"});
  const std::string message =
      thrown_message<core::DataError>([&] { load_pretrained(*classifier, folder_ / "r.safetensors"); });
  EXPECT_NE(message.find(
                "r.safetensors: does not exist, and nothing is downloaded without being asked: `fetch resnet18` gets "),
            std::string::npos)
      << message;
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
