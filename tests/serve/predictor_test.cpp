#include "margay/serve/predictor.h"

#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/data/loader/loader.h"
#include "margay/data/source/image_files.h"
#include "tests/support/seeded_bundle.h"
#include "tests/support/tiny_images.h"

namespace margay::serve {
namespace {

class PredictorTest : public testing::Test {
 protected:
  PredictorTest() {
    testing_support::write_tiny_images(folder_.path(), 3, 2);
    images_ = data::image_files(folder_.path());
  }
  testing_support::TemporaryFolder folder_;
  data::PathList images_;
};

TEST_F(PredictorTest, PredictsInTheOrderAsked) {
  std::size_t last_done = 0;
  const predict::Predictions table =
      Predictor(testing_support::striped_bundle(0)).predict(images_, [&](std::size_t done, std::size_t total) {
        EXPECT_EQ(total, 10U);
        last_done = done;
      });
  EXPECT_EQ(last_done, 10U);
  EXPECT_EQ(table.ids.size(), 10U);
  EXPECT_TRUE(table.probabilities.sum(1).allclose(torch::ones({10})));
}

TEST_F(PredictorTest, CalibratesProbabilitiesUnlessRawOnesAreAskedFor) {
  bundle::Bundle bundle = testing_support::striped_bundle(0);
  bundle.calibration = {.temperature = 4, .source = predict::CalibrationSource::kHeldOut};
  const predict::Predictions raw = Predictor(testing_support::striped_bundle(0)).predict(images_);
  const Predictor calibrated(bundle);
  const predict::Predictions table = calibrated.predict(images_);
  EXPECT_EQ(table.temperature, 4);
  EXPECT_TRUE(table.logits.equal(raw.logits));
  EXPECT_TRUE(table.probabilities.allclose((raw.logits / 4).softmax(1)));
  const Predictor own(bundle, {.raw = true});
  EXPECT_TRUE(own.predict(images_).probabilities.equal(raw.probabilities));
  EXPECT_EQ(own.calibration().temperature, 1);
  const predict::Predictions averaged = Predictor(bundle, {.tta = 2}).predict(images_);
  EXPECT_TRUE(averaged.probabilities.allclose((averaged.logits / 4).softmax(1)));
}

TEST_F(PredictorTest, TakesBytesBesideFilesAndNamesThoseThatAreBroken) {
  const auto content = testing_support::file_content(images_[0]);
  const data::ImageSource upload({content.begin(), content.end()}, "upload 1");
  const data::ImageSource broken({'x'}, "upload 2");
  const Predictor predictor(testing_support::striped_bundle(0));
  const predict::Predictions table = predictor.predict({data::ImageSource(images_[0]), upload, broken});
  EXPECT_EQ(table.ids, (std::vector<std::size_t>{0, 1}));
  EXPECT_TRUE(table.logits[0].allclose(table.logits[1]));
  ASSERT_EQ(table.skipped.size(), 1U);
  EXPECT_EQ(table.skipped[0].problem.find("upload 2: "), 0U) << table.skipped[0].problem;
  EXPECT_THROW(predictor.predict({data::ImageSource({}, "empty upload")}), core::DataError);
}

TEST_F(PredictorTest, GivesTheSameBitsInEveryBatchSizeAndForInputsAlone) {
  bundle::Bundle bundle = testing_support::striped_bundle(0);
  bundle.task = data::Task::kMultiLabel;  // whose sigmoids must not depend on their places either
  const predict::Predictions all = Predictor(bundle).predict(images_);
  for (const int batch_size : {1, 3, 4}) {
    const predict::Predictions some = Predictor(bundle, {.batch_size = batch_size}).predict(images_);
    EXPECT_TRUE(some.logits.equal(all.logits)) << batch_size;
    EXPECT_TRUE(some.probabilities.equal(all.probabilities)) << batch_size;
  }
  const Predictor predictor(bundle);
  predictor.warm_up();
  torch::Tensor inputs = torch::empty({1, 16, 16, 3});
  predictor.pipeline().run(images_[2], data::Phase::kValid, core::Random{0}, inputs.data_ptr<float>());
  const predict::Predictions alone = predictor.predict_inputs(inputs.permute({0, 3, 1, 2}));
  EXPECT_TRUE(alone.logits[0].equal(all.logits[2]));
  EXPECT_TRUE(alone.probabilities[0].equal(all.probabilities[2]));
  EXPECT_THROW(predictor.predict_inputs(inputs), std::invalid_argument);
  EXPECT_THROW(predictor.predict_inputs(torch::empty({0, 3, 16, 16})), std::invalid_argument);
}

TEST_F(PredictorTest, StreamsLabelledImagesWithTheirLosses) {
  const auto dataset = testing_support::tiny_block(folder_.path()).datasets().train;
  const Predictor predictor(testing_support::striped_bundle(0), {.batch_size = 4});
  std::vector<predict::Predictions> parts;
  std::size_t last_done = 0;
  predictor.stream(
      dataset, [&](predict::Predictions&& part) { parts.push_back(std::move(part)); },
      [&](std::size_t done, std::size_t total) {
        EXPECT_EQ(total, 6U);
        last_done = done;
      });
  EXPECT_EQ(last_done, 6U);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].size(), 4);
  EXPECT_TRUE(parts[1].targets.equal(torch::tensor({1, 1}, torch::kLong)));
  EXPECT_TRUE(parts[1].losses.allclose(-parts[1].probabilities.select(1, 1).log()));
}

TEST_F(PredictorTest, StreamsTheAveragesOfDrawsThatItCollects) {
  const auto dataset = testing_support::tiny_block(folder_.path()).datasets().train;
  const Predictor predictor(testing_support::striped_bundle(0), {.batch_size = 4, .tta = 1});
  std::vector<std::size_t> progress;
  predict::Predictions streamed;
  predictor.stream(
      dataset, [&](predict::Predictions&& part) { streamed = std::move(part); },
      [&](std::size_t done, std::size_t total) {
        EXPECT_EQ(total, 12U);
        progress.push_back(done);
      });
  EXPECT_EQ(streamed.size(), 6);
  EXPECT_EQ(progress.back(), 12U);
  data::ImageList images;
  for (std::size_t i = 0; i < dataset->size(); ++i) images.add(dataset->image(i));
  EXPECT_TRUE(streamed.logits.equal(predictor.predict(images).logits));
}

/// Known images are rows like the first image's, so that most others are refused.
TEST_F(PredictorTest, SaysHowUsualAnImageIsWhereTheBundleTells) {
  EXPECT_FALSE(Predictor(testing_support::striped_bundle(0)).predict(images_).p_known.defined());
  bundle::Bundle bundle = testing_support::striped_bundle(0);
  const predict::Predictions plain = Predictor(bundle).predict(images_);
  const torch::Tensor scores = predict::max_logit_scores(plain.logits);
  const predict::UnknownScorer scorer{.score = predict::UnknownScore::kMaxLogit};
  bundle.unknown =
      predict::UnknownDetector(scorer, 0.1, predict::RefusalGuarantee::kSplit, {predict::KnownScores(scores)});
  const predict::Predictions judged = Predictor(bundle).predict(images_);
  EXPECT_TRUE(judged.p_known.equal(bundle.unknown->p_known(judged.logits, {})));
  EXPECT_GE(judged.p_known.min().item<double>(), 2.0 / 11);  // each counts itself, twice
  EXPECT_FALSE(judged.features.defined());
  PredictorOptions with_features;
  with_features.tta = 2;
  with_features.output = predict::NetworkOutput::kLogitsAndFeatures;
  const predict::Predictions averaged = Predictor(bundle, with_features).predict(images_);
  EXPECT_EQ(averaged.features.size(1), bundle.classifier->backbone().features());
  EXPECT_TRUE(averaged.p_known.equal(judged.p_known));  // of the images themselves
}

TEST_F(PredictorTest, RefusesLabelsOfOtherClasses) {
  const auto dataset = testing_support::tiny_block(folder_.path()).datasets().train;
  bundle::Bundle bundle = testing_support::striped_bundle(0);
  bundle.task = data::Task::kMultiLabel;
  EXPECT_THROW(Predictor(std::move(bundle)).stream(dataset, [](predict::Predictions&&) {}), std::invalid_argument);
  EXPECT_THROW(Predictor(testing_support::striped_bundle(0)).stream(nullptr, [](predict::Predictions&&) {}),
               std::invalid_argument);
}

TEST_F(PredictorTest, PredictsEachClassAloneWhereTheTaskIsMultiLabel) {
  bundle::Bundle bundle = testing_support::striped_bundle(0);
  bundle.task = data::Task::kMultiLabel;
  const predict::Predictions table = Predictor(std::move(bundle)).predict(images_);
  EXPECT_TRUE(table.probabilities.allclose(table.logits.sigmoid()));
}

TEST_F(PredictorTest, AveragesDrawsOfEachImageWhenAsked) {
  std::size_t last_done = 0;
  const predict::Predictions table = Predictor(testing_support::striped_bundle(0), {.tta = 2})
                                         .predict(images_, [&](std::size_t done, std::size_t total) {
                                           EXPECT_EQ(total, 30U);
                                           last_done = done;
                                         });
  EXPECT_EQ(last_done, 30U);
  EXPECT_TRUE(table.probabilities.sum(1).allclose(torch::ones({10})));
  EXPECT_FALSE(
      table.logits.allclose(Predictor(testing_support::striped_bundle(0)).predict(images_).logits.log_softmax(1)));
  EXPECT_TRUE(Predictor(testing_support::striped_bundle(0), {.tta = 2, .tta_beta = 1})
                  .predict(images_)
                  .logits.allclose(Predictor(testing_support::striped_bundle(0)).predict(images_).logits.log_softmax(1),
                                   1e-4, 1e-5));
}

TEST_F(PredictorTest, AgreesForOneImageAndMany) {
  const Predictor predictor(testing_support::striped_bundle(0));
  const torch::Tensor together = predictor.predict(images_).logits;
  for (std::size_t i = 0; i < images_.size(); ++i) {
    const torch::Tensor alone = predictor.predict({images_[i]}).logits[0];
    EXPECT_TRUE(alone.allclose(together[static_cast<std::int64_t>(i)], 1e-4, 1e-5));
  }
}

TEST_F(PredictorTest, AgreesForAnyBatchSize) {
  const torch::Tensor threes = Predictor(testing_support::striped_bundle(0), {.batch_size = 3}).predict(images_).logits;
  EXPECT_TRUE(threes.allclose(Predictor(testing_support::striped_bundle(0)).predict(images_).logits, 1e-4, 1e-5));
}

TEST_F(PredictorTest, LeavesOutAndReportsWhatItCannotRead) {
  std::ofstream(images_[1]) << "broken";
  const predict::Predictions table = Predictor(testing_support::striped_bundle(0)).predict(images_);
  EXPECT_EQ(table.ids.size(), 9U);
  ASSERT_EQ(table.skipped.size(), 1U);
  EXPECT_EQ(table.skipped[0].id, 1U);
  EXPECT_THROW(Predictor(testing_support::striped_bundle(0)).predict({images_[1]}), core::DataError);
  EXPECT_THROW(Predictor(testing_support::striped_bundle(0)).predict({}), std::invalid_argument);
}

TEST_F(PredictorTest, ServesSeveralThreadsAtOnce) {
  const Predictor predictor(testing_support::striped_bundle(0));
  const torch::Tensor expected = predictor.predict(images_).logits;
  std::vector<predict::Predictions> tables(3);
  {
    std::vector<std::jthread> threads;
    for (auto& table : tables) threads.emplace_back([&] { table = predictor.predict(images_); });
  }
  for (const auto& table : tables) EXPECT_TRUE(table.logits.allclose(expected, 1e-4, 1e-5));
}

TEST_F(PredictorTest, HoldsItsNetworkInEvalModeThroughout) {
  const Predictor predictor(
      testing_support::striped_bundle(0));  // else every prediction would write to what other threads read
  for (const auto& module : predictor.bundle().classifier->modules()) {
    EXPECT_FALSE(module->is_training()) << module->name();
  }
}

TEST_F(PredictorTest, PredictsAsTheClassifierThatItWasMadeOf) {
  const bundle::Bundle bundle = testing_support::striped_bundle(0);
  model::Classifier& classifier = *bundle.classifier;
  const torch::NoGradGuard no_grad;
  for (int i = 0; i < 20; ++i) classifier.forward(torch::randn({4, 3, 16, 16}));  // statistics of its own
  const std::size_t parameters = classifier.state().size();
  const Predictor predictor(bundle);
  const torch::Tensor predicted = predictor.predict(images_).logits;
  EXPECT_EQ(classifier.state().size(), parameters) << "it is somebody else's, too";
  classifier.eval();
  const data::Loader loader(std::make_shared<data::Dataset>(data::Dataset::unlabelled(images_)),
                            data::ImagePipeline(bundle.transforms), data::Phase::kValid, {.batch_size = 64});
  const torch::Tensor expected = classifier.forward(loader.pass().next()->images);
  EXPECT_LT((predicted - expected).abs().max().item<double>(),
            1e-5 * (expected.max() - expected.min()).item<double>() + 1e-6);
}

TEST_F(PredictorTest, CopiesAClassifierWithoutDrawingRandomNumbers) {
  const bundle::Bundle bundle = testing_support::striped_bundle(0);
  torch::manual_seed(7);
  const Predictor predictor(bundle);
  const torch::Tensor after = torch::rand({3});
  torch::manual_seed(7);
  EXPECT_TRUE(torch::rand({3}).equal(after));
}

TEST(Predictor, RefusesABundleWithoutAClassifier) { EXPECT_THROW(Predictor(bundle::Bundle{}), std::invalid_argument); }

TEST_F(PredictorTest, PredictsTheSameAfterWarmingUp) {
  const Predictor predictor(testing_support::striped_bundle(0));
  const torch::Tensor before = predictor.predict(images_).logits;
  predictor.warm_up();
  predictor.warm_up(4);
  EXPECT_TRUE(predictor.predict(images_).logits.equal(before));
  EXPECT_THROW(predictor.warm_up(0), std::invalid_argument);
}

}  // namespace
}  // namespace margay::serve
