#include "margay/predict/inference.h"

#include <fstream>
#include <memory>
#include <stdexcept>

#include <c10/util/intrusive_ptr.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/data/data_block.h"
#include "margay/model/network_state.h"
#include "margay/predict/unknown_detector.h"
#include "tests/support/tiny_images.h"

namespace margay::predict {
namespace {

using Ids = std::vector<std::size_t>;

/// A network of two classes, eight images that train and six that validate.
class InferenceTest : public testing::Test {
 protected:
  InferenceTest() {
    testing_support::write_tiny_images(folder_.path(), 4, 3);
    torch::manual_seed(0);
    classifier_ = model::make_classifier({.architecture = "resnet20", .num_classes = 2});
  }

  data::Loaders loaders(data::LoaderOptions options = {.batch_size = 2}) const {
    options.num_workers = 1;
    return testing_support::tiny_block(folder_.path()).loaders(options);
  }
  data::Loader valid(const data::LoaderOptions& options = {.batch_size = 2}) const { return *loaders(options).valid; }

  /// The logits in eval mode, batch by batch.
  torch::Tensor logits_by_hand(const data::Loader& loader) const {
    const model::ModeGuard mode(*classifier_);
    const torch::NoGradGuard no_grad;
    classifier_->eval();
    std::vector<torch::Tensor> logits;
    for (const data::Batch& batch : testing_support::all_batches(loader.pass())) {
      logits.push_back(classifier_->forward(batch.images));
    }
    return torch::cat(logits);
  }

  void break_image(const std::string& name) const { std::ofstream(folder_ / name) << "not an image"; }

  testing_support::TemporaryFolder folder_;
  std::shared_ptr<model::Classifier> classifier_;
};

TEST_F(InferenceTest, ShowsTheNetworkEachBatchInOrder) {
  std::vector<torch::Tensor> logits;
  Ids ids;
  const PassSummary pass = for_each_batch(*classifier_, valid(), {}, [&](BatchOutput& output) {
    EXPECT_EQ(output.batch.size(), 2);
    EXPECT_TRUE(output.batch.images.is_contiguous(at::MemoryFormat::ChannelsLast));
    EXPECT_FALSE(output.logits.requires_grad());
    EXPECT_FALSE(classifier_->is_training());
    EXPECT_GT(output.images_per_s, 0);
    ids.insert(ids.end(), output.batch.ids.begin(), output.batch.ids.end());
    logits.push_back(output.logits);
  });
  EXPECT_EQ(ids, (Ids{0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(torch::cat(logits).equal(logits_by_hand(valid())));
  EXPECT_EQ(pass.batches, 3);
  EXPECT_EQ(pass.images, 6);
  EXPECT_GT(pass.seconds, 0);
}

TEST_F(InferenceTest, PutsEveryModuleBackIntoItsModeWhenTheVisitorThrows) {
  classifier_->train();
  const auto norm = classifier_->modules(false).at(2);
  norm->eval();
  const auto fails = [](BatchOutput&) { throw std::runtime_error("full"); };
  EXPECT_THROW(for_each_batch(*classifier_, valid(), {}, fails), std::runtime_error);
  EXPECT_TRUE(classifier_->is_training());
  EXPECT_FALSE(norm->is_training());
  EXPECT_THROW(stream_predictions(*classifier_, valid(), {}, [](Predictions&&) { throw std::runtime_error("full"); }),
               std::runtime_error);
  EXPECT_TRUE(classifier_->is_training());
  EXPECT_TRUE(torch::GradMode::is_enabled());
}

TEST_F(InferenceTest, RunsANetworkInItsOwnModeWhenAsked) {
  classifier_->train();
  const PassSummary pass = for_each_batch(*classifier_, valid(), {.mode = NetworkMode::kUnchanged, .batches = 2},
                                          [&](BatchOutput&) { EXPECT_TRUE(classifier_->is_training()); });
  EXPECT_EQ(pass.batches, 2);
  EXPECT_EQ(classifier_->state().at("backbone.bn1.num_batches_tracked").item<std::int64_t>(), 2);
}

TEST_F(InferenceTest, LeavesOutBatchesOfFewerImages) {
  break_image("valid/flat/1.png");
  std::vector<std::size_t> skipped;
  const PassSummary pass = for_each_batch(*classifier_, valid(), {.least_images = 2},
                                          [&](BatchOutput& output) { skipped.push_back(output.skipped.size()); });
  EXPECT_EQ(pass.images, 4);
  EXPECT_EQ(skipped, (std::vector<std::size_t>{1, 0})) << "reported with the next visited batch";
  ASSERT_EQ(pass.skipped.size(), 1U);
  EXPECT_EQ(pass.skipped[0].id, 1U);
}

TEST_F(InferenceTest, ComputesInThePrecisionAskedFor) {
  classifier_->eval();
  torch::Tensor logits;
  torch::Tensor images;
  for_each_batch(*classifier_, valid(), {.precision = model::Precision::kBf16, .batches = 1}, [&](BatchOutput& output) {
    logits = output.logits;
    images = output.batch.images;
  });
  EXPECT_EQ(logits.scalar_type(), torch::kFloat);
  const torch::NoGradGuard no_grad;
  EXPECT_FALSE(logits.equal(classifier_->forward(images)));
  const model::Autocast autocast(torch::kCPU, model::Precision::kBf16);
  EXPECT_TRUE(logits.equal(classifier_->forward(images).to(torch::kFloat)));
}

/// Copies nothing and counts.
class CountedCopy : public data::BatchCopy {
 public:
  void begin(data::Batch& batch, const std::function<void(data::Batch&)>& finish) override {
    ++begun;
    finish(batch);
  }
  void await(const data::Batch& /*batch*/) override { ++awaited; }

  int begun = 0;
  int awaited = 0;
};

TEST_F(InferenceTest, BringsBatchesToTheDeviceByTheCopyGiven) {
  CountedCopy copy;
  const Predictions predictions = collect_predictions(*classifier_, valid(), {.copy = &copy});
  EXPECT_EQ(copy.begun, 3);
  EXPECT_EQ(copy.awaited, 3);
  EXPECT_TRUE(predictions.logits.equal(logits_by_hand(valid())));
}

TEST_F(InferenceTest, StreamsWithoutKeepingABatchThatIsGone) {
  std::vector<c10::weak_intrusive_ptr<c10::TensorImpl>> before;
  int batches = 0;
  const auto sink = [&](Predictions&& predictions) {
    for (const auto& tensor : before) EXPECT_TRUE(tensor.expired());
    before.clear();
    for (const torch::Tensor& tensor : {predictions.logits, predictions.probabilities, predictions.losses}) {
      before.emplace_back(tensor.getIntrusivePtr());
    }
    EXPECT_EQ(predictions.size(), 1);
    ++batches;
  };
  stream_predictions(*classifier_, valid({.batch_size = 1}), {}, sink);
  EXPECT_EQ(batches, 6);
}

TEST_F(InferenceTest, StreamsWhatItCollects) {
  const Predictions all = collect_predictions(*classifier_, valid(), {});
  std::vector<Predictions> parts;
  stream_predictions(*classifier_, valid(), {}, [&](Predictions&& part) { parts.push_back(std::move(part)); });
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_TRUE(joined(parts).logits.equal(all.logits));
  EXPECT_TRUE(parts[1].probabilities.allclose(all.probabilities.slice(0, 2, 4)));
  EXPECT_TRUE(parts[1].losses.allclose(all.losses.slice(0, 2, 4)));
  EXPECT_TRUE(parts[1].targets.equal(all.targets.slice(0, 2, 4)));
}

TEST_F(InferenceTest, NamesSkippedImagesWithTheBatchBehindThemAndTheLastAlone) {
  break_image("valid/flat/0.png");
  break_image("valid/upright/2.png");
  std::vector<std::int64_t> sizes;
  std::vector<std::string> problems;
  stream_predictions(*classifier_, valid({.batch_size = 1}), {}, [&](Predictions&& part) {
    sizes.push_back(part.size());
    problems.push_back(part.skipped.empty() ? "" : part.skipped.at(0).problem);
    EXPECT_EQ(part.probabilities.size(1), 2);
    EXPECT_EQ(part.losses.size(0), part.size());
  });
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{1, 1, 1, 1, 0}));
  EXPECT_NE(problems.front().find("valid/flat/0.png"), std::string::npos) << problems.front();
  EXPECT_NE(problems.back().find("valid/upright/2.png"), std::string::npos) << problems.back();
  EXPECT_TRUE(problems[1].empty());
}

TEST_F(InferenceTest, CollectsWithTargetsAndLossesAndCounts) {
  break_image("valid/flat/1.png");
  std::size_t counted = 0;
  const Predictions all =
      collect_predictions(*classifier_, valid(), {}, [&](std::size_t images) { counted += images; });
  EXPECT_EQ(counted, 6U);
  EXPECT_EQ(all.ids, (Ids{0, 2, 3, 4, 5}));
  EXPECT_TRUE(all.logits.equal(logits_by_hand(valid())));
  EXPECT_TRUE(all.targets.equal(torch::tensor({0, 0, 1, 1, 1}, torch::kLong)));
  EXPECT_TRUE(all.losses.allclose(-all.probabilities.gather(1, all.targets.unsqueeze(1)).log().squeeze(1)));
  ASSERT_EQ(all.skipped.size(), 1U);
  EXPECT_EQ(all.skipped[0].id, 1U);
}

TEST_F(InferenceTest, ComputesLogitsAndFeaturesWithOnePassThroughTheBackbone) {
  torch::Tensor features;
  for_each_batch(*classifier_, valid({.batch_size = 6}), {.output = NetworkOutput::kFeatures},
                 [&](BatchOutput& output) { features = output.features; });
  std::int64_t seen = 0;
  for_each_batch(*classifier_, valid({.batch_size = 6}), {.output = NetworkOutput::kLogitsAndFeatures},
                 [&](BatchOutput& output) {
                   seen += output.batch.size();
                   EXPECT_TRUE(output.features.equal(features));
                   EXPECT_TRUE(output.logits.equal(logits_by_hand(valid({.batch_size = 6}))));
                 });
  EXPECT_EQ(seen, 6);
}

TEST_F(InferenceTest, KeepsFeaturesAndPValuesOnlyWhereAsked) {
  const Predictions plain = collect_predictions(*classifier_, valid(), {});
  EXPECT_FALSE(plain.features.defined());
  EXPECT_FALSE(plain.p_known.defined());
  UnknownScorer scorer{.score = UnknownScore::kNearest};
  scorer.known = KnownRows{
      .rows = unit_rows(torch::randn({4, classifier_->backbone().features()})).to(torch::kHalf).to(torch::kFloat),
      .members = torch::ones({4, 2}, torch::kBool)};
  const UnknownDetector detector(scorer, 0.1, RefusalGuarantee::kSplit, {KnownScores(torch::rand({9}))});
  const Predictions judged = collect_predictions(*classifier_, valid(), {.unknown = &detector});
  EXPECT_FALSE(judged.features.defined());
  const Predictions both =
      collect_predictions(*classifier_, valid(), {.output = NetworkOutput::kLogitsAndFeatures, .unknown = &detector});
  EXPECT_TRUE(both.logits.equal(plain.logits));
  EXPECT_TRUE(both.p_known.equal(detector.p_known(both.logits, both.features)));
  EXPECT_TRUE(judged.p_known.equal(both.p_known));
  EXPECT_EQ(judged.alpha, 0.1);
  EXPECT_THROW(collect_predictions(*classifier_, valid(), {.output = NetworkOutput::kFeatures}), std::invalid_argument);
}

TEST_F(InferenceTest, CollectsAShuffledPassInTheOrderOfItsIds) {
  const data::Loader train = loaders().train;
  const Predictions all = collect_predictions(*classifier_, train, {.epoch = 3});
  EXPECT_EQ(all.ids, (Ids{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_TRUE(all.targets.equal(data::batch_targets(train.dataset(), all.ids)));
  EXPECT_TRUE(all.losses.allclose(metric::image_losses(all.logits, all.targets, metric::Activation::kSoftmax)));
}

TEST_F(InferenceTest, KnowsNoTargetsOfImagesWithoutLabels) {
  const auto images = std::make_shared<data::Dataset>(data::Dataset::unlabelled(data::image_files(folder_ / "valid")));
  const data::Loader loader(images, valid().pipeline(), data::Phase::kValid, {.batch_size = 4});
  const Predictions all = collect_predictions(*classifier_, loader, {});
  EXPECT_EQ(all.size(), 6);
  EXPECT_TRUE(all.probabilities.sum(1).allclose(torch::ones({6})));
  EXPECT_FALSE(all.targets.defined());
  EXPECT_FALSE(all.losses.defined());
}

TEST_F(InferenceTest, CollectsNoRowsFromNoBatches) {
  const Predictions none = collect_predictions(*classifier_, valid(), {.batches = 0});
  EXPECT_EQ(none.logits.sizes(), (std::vector<std::int64_t>{0, 2}));
  EXPECT_EQ(none.targets.sizes(), (std::vector<std::int64_t>{0}));
  EXPECT_EQ(none.losses.sizes(), (std::vector<std::int64_t>{0}));
  const auto nothing = std::make_shared<data::Dataset>(data::Dataset::unlabelled(data::PathList()));
  EXPECT_THROW(data::Loader(nothing, valid().pipeline(), data::Phase::kValid), std::invalid_argument);
}

TEST_F(InferenceTest, ThrowsForImagesThatCannotBeReadAsTheLoaderDoes) {
  break_image("valid/flat/0.png");
  const data::Loader stops = valid({.batch_size = 2, .unreadable = data::Unreadable::kStop});
  EXPECT_THROW(collect_predictions(*classifier_, stops, {}), core::DataError);
  for (const char* name : {"flat/1", "flat/2", "upright/0", "upright/1", "upright/2"}) {
    break_image(std::string("valid/") + name + ".png");
  }
  EXPECT_THROW(collect_predictions(*classifier_, valid(), {}), core::DataError);
  EXPECT_TRUE(classifier_->is_training()) << "as before";
}

}  // namespace
}  // namespace margay::predict
