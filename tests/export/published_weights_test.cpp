#include "margay/export/published_weights.h"

#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/model/weights/safetensors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::exporting {
namespace {

using PublishedJson = nlohmann::json;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using Shapes = std::map<std::string, std::vector<std::int64_t>>;

bundle::Bundle publishable(const std::string& architecture, model::HeadKind head, std::int64_t classes = 10) {
  bundle::Bundle bundle;
  model::ClassifierOptions options{.architecture = architecture, .num_classes = classes};
  options.head.kind = head;
  bundle.classifier = model::make_classifier(options);
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < classes; ++i) names.push_back("class " + std::to_string(i));
  bundle.vocabulary = data::Vocabulary(names);
  bundle.transforms.resize.size = 256;
  return bundle;
}

Shapes shapes_of(const PublishedModel& model) {
  Shapes shapes;
  for (const auto& [name, tensor] : model.tensors) shapes[name] = tensor.sizes().vec();
  return shapes;
}

/// Names and shapes of a published network for 10 classes.
Shapes published_shapes(const std::string& folder, const std::string& network) {
  std::ifstream file(std::string(MARGAY_SOURCE_DIR "/tests/") + folder + "/" + network + ".json");
  Shapes shapes;
  const PublishedJson json = PublishedJson::parse(file);
  for (const auto& [name, shape] : json.at("state").items()) {
    shapes[name] = shape.get<std::vector<std::int64_t>>();
  }
  return shapes;
}

struct PublishedCase {
  const char* network;
  model::HeadKind head;
};

class PublishedNames : public testing::TestWithParam<PublishedCase> {};

TEST_P(PublishedNames, AreThoseOfTorchvisionsList) {
  const auto [network, head] = GetParam();
  Shapes expected = published_shapes("model/architecture/torchvision", network);
  Shapes found = shapes_of(published_model(publishable(network, head)));
  // Older lists have no counters of batches.
  std::erase_if(expected, [](const auto& each) { return each.first.ends_with("num_batches_tracked"); });
  std::erase_if(found, [](const auto& each) { return each.first.ends_with("num_batches_tracked"); });
  EXPECT_EQ(found, expected);
}

INSTANTIATE_TEST_SUITE_P(OfNetworks, PublishedNames,
                         testing::Values(PublishedCase{"resnet18", model::HeadKind::kLinear},
                                         PublishedCase{"densenet121", model::HeadKind::kPublished},
                                         PublishedCase{"efficientnet_b0", model::HeadKind::kLinear},
                                         PublishedCase{"mobilenet_v3_small", model::HeadKind::kPublished},
                                         PublishedCase{"squeezenet1_1", model::HeadKind::kPublished}),
                         [](const auto& test) { return std::string(test.param.network); });

TEST(PublishedModel, HasTimmsNamesOfVisionTransformers) {
  const PublishedModel model = published_model(publishable("vit_tiny_patch16_224", model::HeadKind::kLinear));
  EXPECT_EQ(model.publisher, "timm");
  EXPECT_EQ(shapes_of(model), published_shapes("export/published_names", "vit_tiny_patch16_224"));
}

TEST(PublishedModel, HoldsTheNumbersOfTheClassifier) {
  const bundle::Bundle bundle = publishable("resnet18", model::HeadKind::kLinear, 3);
  const model::TensorMap state = bundle.classifier->state();
  const PublishedModel model = published_model(bundle);
  EXPECT_TRUE(model.tensors.at("conv1.weight").equal(state.at("backbone.conv1.weight")));
  EXPECT_TRUE(model.tensors.at("fc.bias").equal(state.at("head.3.bias")));
}

TEST(PublishedModel, TellsTimmWhatItNeeds) {
  const PublishedJson config =
      PublishedJson::parse(published_model(publishable("resnet18", model::HeadKind::kLinear, 2)).config);
  EXPECT_EQ(config["architecture"], "resnet18");
  EXPECT_EQ(config["num_classes"], 2);
  EXPECT_EQ(config["label_names"], (std::vector<std::string>{"class 0", "class 1"}));
  EXPECT_EQ(config["pretrained_cfg"]["classifier"], "fc");
  EXPECT_EQ(config["pretrained_cfg"]["input_size"], (std::vector<int>{3, 224, 224}));
  EXPECT_EQ(config["pretrained_cfg"]["crop_mode"], "center");
}

TEST(PublishedModel, TellsPreprocessorsTheSizesOfASquish) {
  bundle::Bundle bundle = publishable("resnet18", model::HeadKind::kLinear, 2);
  bundle.transforms.resize = {.size = 224, .method = data::ResizeMethod::kRandomCrop};
  const PublishedJson json = PublishedJson::parse(published_model(bundle).preprocessor);
  EXPECT_EQ(json["size"]["height"], 256);
  EXPECT_EQ(json["crop_size"]["height"], 224);
  EXPECT_EQ(json["do_center_crop"], true);
}

TEST(PublishedModel, HasACardWithMetricsAndTheirIntervals) {
  bundle::Bundle bundle = publishable("resnet18", model::HeadKind::kLinear, 2);
  bundle.provenance = {{"valid_loss", 0.5}, {"error_rate", 0.1}};
  std::vector<std::uint64_t> digests;
  for (std::uint64_t i = 1; i <= 100; ++i) digests.push_back(i << 56U);
  bundle.known_images.train_names = bundle.known_images.train_contents = data::DigestSet(digests);
  bundle.known_images.valid_names = bundle.known_images.valid_contents = data::DigestSet(digests);
  const std::string card = published_model(bundle, {.licence = "mit", .source_sha256 = "abc"}).card;
  EXPECT_EQ(card.find("---\nlicense: \"mit\"\nlibrary_name: timm\n"), 0U);
  EXPECT_NE(card.find("| error_rate | 0.1000 | 0.0552 to 0.1744 |"), std::string::npos) << card;
  EXPECT_NE(card.find("| valid_loss | 0.5000 | |"), std::string::npos);
  EXPECT_NE(card.find("| training | 100 | "), std::string::npos);
  EXPECT_NE(card.find("SHA-256 of the model's file: abc."), std::string::npos);
}

TEST(PublishedModel, RefusesWhatNobodyPublishes) {
  const auto message = [](const bundle::Bundle& bundle) {
    return thrown_message<core::Error>([&] { published_model(bundle); });
  };
  EXPECT_EQ(
      message(publishable("resnet18", model::HeadKind::kFastai)),
      "[export] `head.kind` fastai: no published network has fastai's head: export the model as ONNX, or train it "
      "with `head.kind` published");
  EXPECT_NE(message(publishable("squeezenet1_1", model::HeadKind::kLinear)).find("has more layers"), std::string::npos);
  EXPECT_NE(message(publishable("resnet20", model::HeadKind::kLinear)).find("nobody publishes resnet20"),
            std::string::npos);
}

TEST(WritePublished, WritesFourFilesAndReplacesNoneUnasked) {
  const TemporaryFolder folder;
  const PublishedModel model = published_model(publishable("resnet18", model::HeadKind::kLinear, 2));
  const auto files = write_published(folder / "model.safetensors", model);
  ASSERT_EQ(files.size(), 4U);
  for (const auto& file : files) EXPECT_TRUE(std::filesystem::exists(file)) << file;
  EXPECT_EQ(model::read_safetensors(files[0]).tensors.size(), model.tensors.size());
  std::filesystem::remove(files[0]);
  EXPECT_THROW(write_published(folder / "model.safetensors", model), core::DataError);
  EXPECT_FALSE(std::filesystem::exists(files[0]));
  EXPECT_NO_THROW(write_published(folder / "model.safetensors", model, ExistingFiles::kReplace));
}

}  // namespace
}  // namespace margay::exporting
