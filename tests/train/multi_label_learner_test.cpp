#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/bundle/bundle.h"
#include "margay/data/image/write_image.h"
#include "margay/train/vision_learner.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

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
  const Predictions predictions = trained.get_preds();
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
