#include "margay/predict/test_time_augmentation.h"

#include <filesystem>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::predict {
namespace {

using metric::Activation;

TEST(AverageDraws, AveragesProbabilitiesNotLogits) {
  const torch::Tensor plain = torch::tensor({{0.9F, 0.1F}}).log();
  const std::vector<torch::Tensor> draws = {torch::tensor({{0.2F, 0.8F}}).log(), torch::tensor({{0.6F, 0.4F}}).log()};
  const torch::Tensor p = torch::softmax(average_draws(plain, draws, Activation::kSoftmax, 0.25), 1);
  EXPECT_NEAR(p[0][0].item<double>(), 0.25 * 0.9 + 0.75 * 0.4, 1e-6);
  EXPECT_NEAR(p.sum().item<double>(), 1, 1e-6);
}

TEST(AverageDraws, TakesEachClassAloneForSigmoids) {
  const torch::Tensor plain = torch::tensor({{2.0F, -30.0F}});
  const torch::Tensor p = torch::sigmoid(average_draws(plain, {plain, plain}, Activation::kSigmoid, 0.25));
  EXPECT_TRUE(p.allclose(torch::sigmoid(plain)));
}

TEST(AverageDraws, StaysFiniteWhereProbabilitiesRoundToNothing) {
  const torch::Tensor plain = torch::tensor({{9000.0F, -9000.0F}});
  EXPECT_TRUE(average_draws(plain, {plain}, Activation::kSoftmax, 0.5).isfinite().all().item<bool>());
  EXPECT_TRUE(average_draws(plain, {plain}, Activation::kSigmoid, 0.5).isfinite().all().item<bool>());
}

TEST(AverageDraws, RefusesWhatDoesNotFit) {
  const torch::Tensor plain = torch::zeros({2, 3});
  EXPECT_THROW(average_draws(plain, {}, Activation::kSoftmax, 0.25), std::invalid_argument);
  EXPECT_THROW(average_draws(plain, {torch::zeros({1, 3})}, Activation::kSoftmax, 0.25), std::invalid_argument);
  EXPECT_THROW(average_draws(plain, {plain}, Activation::kSoftmax, 1.5), std::invalid_argument);
}

class CollectAveraged : public testing::Test {
 protected:
  CollectAveraged() {
    testing_support::write_tiny_images(folder_.path(), 1, 2);
    torch::manual_seed(0);
    classifier_ = model::make_classifier({.architecture = "resnet20", .num_classes = 2});
  }

  data::Loader valid() const {
    data::DataBlock block = testing_support::tiny_block(folder_.path());
    block.batch_transform(data::augment({.size = 16}));  // all of it: a flip alone may be drawn twice
    return *block.loaders({.batch_size = 3, .num_workers = 1}).valid;
  }

  testing_support::TemporaryFolder folder_;
  std::shared_ptr<model::Classifier> classifier_;
};

TEST_F(CollectAveraged, AveragesPassesOfOtherDraws) {
  std::size_t counted = 0;
  const Predictions averaged = collect_averaged(*classifier_, valid(), {}, {.n = 2, .beta = 0.5},
                                                [&](std::size_t images) { counted += images; });
  EXPECT_EQ(counted, 12U);
  const Predictions plain = collect_predictions(*classifier_, valid(), {});
  const data::Loader drawn = valid().augmented();
  const std::vector<torch::Tensor> draws = {collect_predictions(*classifier_, drawn, {.epoch = 0}).logits,
                                            collect_predictions(*classifier_, drawn, {.epoch = 1}).logits};
  EXPECT_FALSE(draws[0].equal(draws[1]));
  EXPECT_TRUE(averaged.logits.equal(average_draws(plain.logits, draws, Activation::kSoftmax, 0.5)));
  EXPECT_TRUE(averaged.losses.equal(metric::image_losses(averaged.logits, plain.targets, Activation::kSoftmax)));
  EXPECT_EQ(averaged.ids, plain.ids);
}

TEST_F(CollectAveraged, NamesTheImageThatOnlySomePassesCouldRead) {
  std::size_t counted = 0;
  const auto breaks_one_after_the_first_pass = [&](std::size_t images) {
    counted += images;
    if (counted == 4) std::ofstream(folder_ / "valid/upright/0.png") << "not an image";
  };
  const auto message = testing_support::thrown_message<core::DataError>(
      [&] { collect_averaged(*classifier_, valid(), {}, {.n = 1}, breaks_one_after_the_first_pass); });
  EXPECT_NE(message.find("valid/upright/0.png"), std::string::npos) << message;
}

TEST_F(CollectAveraged, ComesInPartsThatAgreeWithAll) {
  const Predictions all = collect_averaged(*classifier_, valid(), {}, {.n = 2, .beta = 0.5});
  std::vector<Predictions> parts;
  std::size_t counted = 0;
  stream_averaged(
      *classifier_, valid(), {}, {.n = 2, .beta = 0.5}, 1,
      [&](Predictions&& part) { parts.push_back(std::move(part)); }, [&](std::size_t images) { counted += images; });
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(counted, 12U);
  const Predictions together = joined(parts);
  EXPECT_EQ(together.ids, all.ids);
  EXPECT_TRUE(together.logits.allclose(all.logits, 1e-5, 1e-5));
}

TEST_F(CollectAveraged, ThrowsWhereNoPartHasAnImageThatCanBeRead) {
  std::size_t parts = 0;
  for (const auto& image : std::filesystem::recursive_directory_iterator(folder_ / "valid")) {
    if (image.is_regular_file()) std::ofstream(image.path()) << "not an image";
  }
  EXPECT_THROW(stream_averaged(*classifier_, valid(), {}, {.n = 1}, 1, [&](Predictions&&) { ++parts; }),
               core::DataError);
  EXPECT_EQ(parts, 2U);
}

TEST_F(CollectAveraged, RefusesOptionsOutOfRange) {
  EXPECT_THROW(collect_averaged(*classifier_, valid(), {}, {.n = 0}), std::invalid_argument);
  EXPECT_THROW(collect_averaged(*classifier_, valid(), {}, {.beta = 2}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::predict
