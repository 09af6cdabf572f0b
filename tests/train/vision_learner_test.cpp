#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/bundle/bundle.h"
#include "margay/data/image/write_image.h"
#include "margay/model/weights/safetensors.h"
#include "margay/train/recipe/recipes.h"
#include "margay/train/vision_learner.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

constexpr const char* kViT = "vit_tiny_patch16_224";

class VisionLearner : public testing::Test {
 protected:
  VisionLearner() { testing_support::write_tiny_images(folder_.path(), 4, 2); }

  Learner learner(const std::string& architecture, int size) const {
    return vision_learner(
        testing_support::tiny_block(folder_.path(), size).loaders({.batch_size = 4}), architecture,
        {.head = {.kind = model::HeadKind::kLinear}, .learner = {.precision = model::Precision::kFp32}});
  }

  const testing_support::TemporaryFolder folder_;
};

TEST_F(VisionLearner, MakesNetworksWithPositionsForTheSizeOfTheImages) {
  Learner learner = this->learner(kViT, 32);
  learner.fit(1);
  EXPECT_EQ(learner.classifier().options().image_px, 32);
}

TEST_F(VisionLearner, SaysBeforeTrainingThatANetworkCannotChangeItsSize) {
  const Learner learner = this->learner(kViT, 32);
  const auto check = [&] { learner.check({{.epochs = 1, .size = 48}}); };
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>(check),
            "[recipe] vit_tiny_patch16_224 is made for images of 32 pixels and cannot train on 48");
  EXPECT_NO_THROW(learner.check({{.epochs = 1, .size = 32}}));
  EXPECT_NO_THROW(this->learner("resnet20", 32).check({{.epochs = 1, .size = 48}}));
}

TEST_F(VisionLearner, RefusesToEvaluateANetworkAtASizeThatItIsNotMadeFor) {
  const auto evaluated = [this](const char* architecture, int eval_size) {
    const data::Loaders loaders = testing_support::tiny_block(folder_.path(), 16).loaders({.batch_size = 4});
    return vision_learner(data::evaluated_at(loaders, eval_size), architecture);
  };
  EXPECT_EQ(
      testing_support::thrown_message<std::invalid_argument>([&] { evaluated(kViT, 24); }),
      "[Learner] vit_tiny_patch16_224 is made for images of 16 pixels and cannot be evaluated at 24 (`eval_size`); "
      "train it at that `size`");
  EXPECT_NO_THROW(evaluated(kViT, 16));
  EXPECT_NO_THROW(evaluated("resnet20", 24));
}

TEST_F(VisionLearner, SaysOfASizeThatPatchesDoNotFillWhichWould) {
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>([&] { learner(kViT, 40); }),
            "[ViT] the side of images must be a multiple of the patch's 16 pixels, got 40; take 32");
}

TEST_F(VisionLearner, MeasuresWhatItsOptionsName) {
  Learner learner = vision_learner(testing_support::tiny_block(folder_.path(), 32).loaders({.batch_size = 4}),
                                   "resnet20", {.metrics = {"accuracy", "error_rate"}});
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>([&] { learner.metric_value("accuracy"); }),
            "[Learner] there is no epoch yet, so no accuracy");
  learner.fit(1);
  EXPECT_NEAR(learner.metric_value("accuracy") + learner.metric_value("error_rate"), 1, 1e-12);
  EXPECT_EQ(learner.metric_value("accuracy"), learner.history().back().metrics[0]);
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>([&] { learner.metric_value("f1"); }),
            "[Learner] there is no metric 'f1' among accuracy, error_rate");
}

TEST_F(VisionLearner, RefusesMetricsOfOtherTargets) {
  const auto with = [&](const std::string& name) {
    return testing_support::thrown_message<std::invalid_argument>([&] {
      vision_learner(testing_support::tiny_block(folder_.path(), 32).loaders({.batch_size = 4}), "resnet20",
                     {.metrics = {name}});
    });
  };
  EXPECT_EQ(
      with("f1_multi"),
      "[vision_learner] f1_multi is not for images of one class each; those are measured by accuracy or error_rate");
  EXPECT_EQ(with("acc").find("[metric] there is no 'acc' among accuracy, error_rate"), 0U);
}

/// resnet20's, under a name that tells of another normalisation.
TEST_F(VisionLearner, WarnsWhereImagesAreNormalisedOtherwiseThanTheWeightsExpect) {
  const auto source = model::make_classifier({.architecture = "resnet20"});
  model::TensorMap state;
  for (const auto& [name, tensor] : source->state()) {
    if (name.starts_with("backbone.")) state[name.substr(9)] = tensor;
  }
  const std::filesystem::path weights = folder_ / "weights" / "model.safetensors";
  testing_support::write(folder_ / "weights" / "config.json",
                         R"({"architecture": "resnet20", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]})");
  model::write_safetensors(weights, state);
  const auto warnings = [&](const data::Normalization& normalization) {
    data::DataBlock block = testing_support::tiny_block(folder_.path(), 32);
    block.normalize(normalization);
    return vision_learner(block.loaders({.batch_size = 4}), "resnet20", {.weights = weights}).loaders().warnings;
  };
  EXPECT_TRUE(warnings({{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}}).empty());
  const std::vector<std::string> given = warnings(data::imagenet_normalization());
  ASSERT_EQ(given.size(), 1U);
  EXPECT_EQ(given[0],
            "the images are normalised by mean 0.485,0.456,0.406, std 0.229,0.224,0.225; resnet20 (by config.json "
            "beside it): arithmetic usual, mean 0.5,0.5,0.5, std 0.5,0.5,0.5");
}

TEST(PublishedNormalization, IsThatOfTheWeights) {
  EXPECT_EQ(published_normalization("resnet18").mean, data::imagenet_normalization().mean);
  EXPECT_EQ(published_normalization(kViT).std, (std::array<double, 3>{0.5, 0.5, 0.5}));
  EXPECT_THROW(published_normalization("resnet19"), std::invalid_argument);
}

using testing_support::TemporaryFolder;

/// Red and blue halves, each there or not: an image is of both classes, of one, or of none. Named after its labels.
core::Image coloured_image(bool is_red, bool is_blue, int shade) {
  core::Image image(24, 24);
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    image.pixels[i] = static_cast<std::uint8_t>(is_red ? 250 - shade : 5 + shade);
    image.pixels[i + 1] = static_cast<std::uint8_t>(120 + shade);
    image.pixels[i + 2] = static_cast<std::uint8_t>(is_blue ? 250 - shade : 5 + shade);
  }
  return image;
}

data::Labeller colours_of_the_name() {
  return {"the name",
          [](const std::filesystem::path& path) -> std::optional<data::Labels> {
            data::Labels labels;
            if (path.filename().string().find('r') == 0) labels.emplace_back("red");
            if (path.stem().string().find('b') != std::string::npos) labels.emplace_back("blue");
            return labels;
          },
          data::Task::kMultiLabel};
}

class MultiLabelLearner : public testing::Test {
 protected:
  MultiLabelLearner() {
    for (int i = 0; i < 12; ++i) {
      data::write_png(folder_ / fmt::format("x{}.png", i), coloured_image(false, false, 3 * i));
      data::write_png(folder_ / fmt::format("r{}.png", i), coloured_image(true, false, 3 * i));
      data::write_png(folder_ / fmt::format("b{}.png", i), coloured_image(false, true, 3 * i));
      data::write_png(folder_ / fmt::format("rb{}.png", i), coloured_image(true, true, 3 * i));
    }
  }
  Learner learner() const {
    auto block = data::DataBlock()
                     .items(data::image_files(folder_.path()))
                     .label(colours_of_the_name())
                     .split(data::random_split())
                     .item_transform(data::resize({.size = 24}))
                     .batch_transform(data::augment({.size = 16}));
    return vision_learner(block.loaders({.batch_size = 8, .num_workers = 2, .seed = 1}), "resnet20",
                          {.seed = 1, .learner = {.precision = model::Precision::kFp32}});
  }
  TemporaryFolder folder_;
};

TEST_F(MultiLabelLearner, LearnsSeveralLabelsAndNoneWithBinaryCrossEntropyChosenByItself) {
  Learner trained = learner();
  EXPECT_EQ(trained.loaders().task(), data::Task::kMultiLabel);
  trained.fit_one_cycle(12, 1e-2);
  const EpochRecord& last = trained.history().back();
  EXPECT_EQ(trained.metrics()[0]->name(), "accuracy_multi");
  EXPECT_GT(last.metrics[0], 0.9);
  EXPECT_LT(last.valid_loss, 0.5);
  const predict::Predictions predictions = trained.get_preds();
  EXPECT_EQ(predictions.targets.sizes(), predictions.logits.sizes());
  EXPECT_NEAR(predictions.losses.mean().item<double>(), last.valid_loss, 1e-4);

  const auto file = folder_ / "model.margay";
  trained.save(file);
  EXPECT_EQ(bundle::load_bundle(file).task, data::Task::kMultiLabel);
}

TEST_F(MultiLabelLearner, RefusesClassWeightsOfAnotherNumber) {
  Learner untrained = learner();
  EXPECT_THROW(untrained.set_class_weights({1, 2, 3}), std::invalid_argument);
  untrained.set_class_weights({1, 2});
  untrained.fit(1, 1e-3);
  EXPECT_EQ(untrained.history().size(), 1U);
}

}  // namespace

}  // namespace margay::train
