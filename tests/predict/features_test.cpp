#include "margay/predict/features.h"

#include <fstream>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/data/data_block.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::predict {
namespace {

/// A network with a linear head, and ten images that train.
class FeaturesTest : public testing::Test {
 protected:
  FeaturesTest() {
    testing_support::write_tiny_images(folder_.path(), 5, 1);
    classifier_ = network("resnet20", 0);
  }

  static std::shared_ptr<model::Classifier> network(const std::string& architecture, std::uint64_t seed) {
    torch::manual_seed(seed);
    return model::make_classifier({.architecture = architecture,
                                   .num_classes = 2,
                                   .image_px = 16,
                                   .head = {.kind = model::HeadKind::kLinear, .dropout = {0}}});
  }
  data::Loaders loaders(int side = 16) const {
    return testing_support::tiny_block(folder_.path(), side).loaders({.batch_size = 4, .num_workers = 1});
  }
  /// In float32, so that numbers can be compared.
  Features collect(const data::Loader& loader, FeatureOptions options = {}) const {
    options.precision = model::Precision::kFp32;
    return collect_features(*classifier_, loader, options);
  }
  /// Of each batch of a pass, joined.
  torch::Tensor by_hand(const data::Loader& loader, std::int64_t epoch = 0, bool mirrored = false) const {
    const torch::NoGradGuard no_grad;
    classifier_->eval();
    std::vector<torch::Tensor> rows;
    for (const data::Batch& batch : testing_support::all_batches(loader.pass(epoch))) {
      const torch::Tensor images = mirrored ? batch.images.flip({3}) : batch.images;
      rows.push_back(classifier_->extract(images).mean({2, 3}));
    }
    return torch::cat(rows);
  }

  testing_support::TemporaryFolder folder_;
  std::shared_ptr<model::Classifier> classifier_;
};

TEST_F(FeaturesTest, AreWhatTheLinearHeadMultiplies) {
  for (const char* architecture : {"resnet20", "simple_net", "linear"}) {
    classifier_ = network(architecture, 1);
    const data::Loader valid = *loaders().valid;
    const Features features = collect(valid);
    ASSERT_EQ(features.rows.size(1), classifier_->backbone().features()) << architecture;
    const torch::OrderedDict<std::string, torch::Tensor> head = classifier_->head()->named_parameters();
    ASSERT_EQ(head.size(), 2U) << "weight and bias of the linear layer";
    const torch::NoGradGuard no_grad;
    const torch::Tensor logits = features.rows.mm(head[0].value().t()) + head[1].value();
    const Predictions predictions = collect_predictions(*classifier_, valid, {});
    EXPECT_TRUE(logits.allclose(predictions.logits, 1e-4, 1e-5)) << architecture;
  }
}

TEST_F(FeaturesTest, KeepTheDatasetsOrderAndTransformsThoughTheLoaderTrains) {
  const data::Loader train = loaders().train;
  const Features features = collect(train);
  ASSERT_EQ(features.ids.size(), 10U);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(features.ids[i], i);
  EXPECT_TRUE(features.targets.equal(data::batch_targets(train.dataset(), features.ids)));
  EXPECT_TRUE(features.rows.equal(by_hand(train.plain())));
  EXPECT_EQ(train.plain().phase(), data::Phase::kValid);
}

TEST_F(FeaturesTest, LeaveModesAndGradientsAsTheyWere) {
  classifier_->train();
  const torch::Tensor mean = classifier_->state().at("backbone.bn1.running_mean").clone();
  EXPECT_FALSE(collect(loaders().train).rows.requires_grad());
  EXPECT_TRUE(classifier_->is_training());
  EXPECT_TRUE(torch::GradMode::is_enabled());
  EXPECT_TRUE(classifier_->state().at("backbone.bn1.running_mean").equal(mean));
}

TEST_F(FeaturesTest, AverageAnImageAndItsMirrorImage) {
  const data::Loader train = loaders().train;
  const Features features = collect(train, {.average_flip = true});
  const torch::Tensor expected = (by_hand(train.plain()) + by_hand(train.plain(), 0, true)) / 2;
  EXPECT_TRUE(features.rows.allclose(expected, 1e-5, 1e-6));
  EXPECT_FALSE(features.rows.allclose(by_hand(train.plain()), 1e-5, 1e-6));
}

TEST_F(FeaturesTest, AverageAnImageAndItsDraws) {
  data::DataBlock block = testing_support::tiny_block(folder_.path());
  const data::Loader train = block.batch_transform(data::augment({.size = 16})).loaders({.batch_size = 4}).train;
  const Features features = collect(train, {.average_draws = 2});
  const data::Loader draws = train.plain().augmented();
  const torch::Tensor expected = (by_hand(train.plain()) + by_hand(draws, 0) + by_hand(draws, 1)) / 3;
  EXPECT_TRUE(features.rows.allclose(expected, 1e-4, 1e-5));
}

TEST_F(FeaturesTest, NameTheImagesThatCannotBeRead) {
  const data::Loader train = loaders().train;
  std::ofstream(train.dataset().path(3)) << "not an image";
  std::size_t counted = 0;
  const Features features = collect_features(*classifier_, train, {.precision = model::Precision::kFp32},
                                             [&](std::size_t images) { counted += images; });
  EXPECT_EQ(counted, 10U);
  ASSERT_EQ(features.skipped.size(), 1U);
  EXPECT_EQ(features.skipped[0].id, 3U);
  EXPECT_EQ(features.size(), 9);
  EXPECT_EQ(features.rows.size(0), 9);
  EXPECT_EQ(features.hashes.size(), 9U);
  EXPECT_EQ(features.targets.size(0), 9);
  EXPECT_EQ(features.ids[3], 4U);
  EXPECT_TRUE(features.rows.allclose(by_hand(train.plain()), 1e-5, 1e-6));
}

TEST_F(FeaturesTest, ComeFromAnyImageThatCanBeReadOrNone) {
  const data::Loader train = loaders().train;
  for (std::size_t i = 0; i < 10; ++i) std::ofstream(train.dataset().path(i)) << "not an image";
  const std::string message = testing_support::thrown_message<core::DataError>([&] { collect(train); });
  EXPECT_NE(message.find("not one of 10 images could be read"), std::string::npos) << message;
}

TEST_F(FeaturesTest, HashWhatTheNetworkSaw) {
  const data::Loader train = loaders().train;
  std::filesystem::copy_file(train.dataset().path(0), train.dataset().path(7),
                             std::filesystem::copy_options::overwrite_existing);
  const Features features = collect(train);
  ASSERT_EQ(features.hashes.size(), 10U);
  EXPECT_EQ(features.hashes[0], features.hashes[7]);
  EXPECT_NE(features.hashes[0], features.hashes[6]);
}

TEST_F(FeaturesTest, OfChangedViewsAreNearButNotEqual) {
  const Features features = collect(loaders().train, {.with_changed_views = true});
  ASSERT_EQ(features.changed.ids, features.ids) << "of so few images all are looked at";
  EXPECT_EQ(features.changed.rows.sizes(), features.rows.sizes());
  EXPECT_FALSE(features.changed.rows.equal(features.rows));
  EXPECT_FALSE(collect(loaders().train).changed.rows.defined());
}

TEST_F(FeaturesTest, ComputeInThePrecisionAskedFor) {
  const data::Loader train = loaders().train;
  const Features bf16 = collect_features(*classifier_, train, {.precision = model::Precision::kBf16});
  const torch::Tensor fp32 = collect(train).rows;
  EXPECT_EQ(bf16.rows.scalar_type(), torch::kFloat);
  EXPECT_FALSE(bf16.rows.equal(fp32));
  EXPECT_LT((bf16.rows - fp32).norm().item<double>(), 0.03 * fp32.norm().item<double>());
}

TEST_F(FeaturesTest, RefuseOptionsOutOfRange) {
  EXPECT_THROW(collect(loaders().train, {.average_draws = -1}), std::invalid_argument);
}

}  // namespace
}  // namespace margay::predict
