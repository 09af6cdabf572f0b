#include "margay/train/probe/probe.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/collective/process_group.h"
#include "margay/core/error.h"
#include "margay/metric/temperature.h"
#include "margay/model/cpu_threads.h"
#include "margay/predict/inference.h"
#include "tests/support/joined_threads.h"
#include "tests/support/probe_features.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::train {
namespace {

using data::Task;
using testing_support::as_features;
using testing_support::clouds;
using testing_support::Numbers;
using testing_support::thrown_message;

const ProbeOptions kNoCurve = {.learning_curve = false};

ProbeResult fit_single(const predict::Features& train, std::int64_t classes, const ProbeOptions& options = kNoCurve,
                       const predict::Features* valid = nullptr, const ProbeGroups& groups = {}) {
  return fit_probe(train, valid, groups, classes, Task::kSingleLabel, options);
}

/// Ridge regression by the normal equations. Returns the outputs for `rows`, float64 [n,K].
torch::Tensor explicit_ridge(const torch::Tensor& features, const torch::Tensor& targets, double strength,
                             const torch::Tensor& rows) {
  const torch::Tensor x = features.to(torch::kDouble);
  const torch::Tensor y = targets.to(torch::kDouble);
  const torch::Tensor centred = x - x.mean(0);
  const torch::Tensor gram = centred.t().mm(centred) + strength * torch::eye(x.size(1), torch::kDouble);
  const torch::Tensor map = gram.inverse().mm(centred.t()).mm(y - y.mean(0));
  return (rows.to(torch::kDouble) - x.mean(0)).mm(map) + y.mean(0);
}

TEST(FitProbe, IsCalibratedOnNewImagesWithoutAnyHeldOutOne) {
  const auto train = clouds({.images = 400, .classes = 4, .features = 60, .distance = 0.25}, 1);
  const auto fresh = clouds({.images = 4'000, .classes = 4, .features = 60, .distance = 0.25}, 2);
  const ProbeResult result = fit_single(train, 4);
  const torch::Tensor logits = fresh.rows.mm(result.weight.t()) + result.bias;
  const metric::TemperatureFit rest =
      metric::fit_temperature({.logits = logits, .targets = fresh.targets}, metric::Activation::kSoftmax);
  EXPECT_NEAR(std::log(rest.temperature()), 0, 0.15);  // what is left for a temperature to do
  // The outputs for its own training images are far too sure.
  const torch::Tensor seen = train.rows.mm(result.weight.t()) + result.bias;
  const metric::TemperatureFit own =
      metric::fit_temperature({.logits = seen, .targets = train.targets}, metric::Activation::kSoftmax);
  EXPECT_LT(own.temperature(), 0.8);
}

TEST(FitProbe, LeavesOutEachImageExactly) {
  const auto train = clouds({.images = 30}, 1);
  const auto valid = clouds({.images = 30}, 2);
  const ProbeResult result = fit_single(train, 3, {.select = ProbeSelect::kValid, .learning_curve = false}, &valid);
  const torch::Tensor scaled = train.rows / train.rows.norm(2, 1).mean();
  const torch::Tensor one_hot = torch::one_hot(train.targets, 3);
  for (std::int64_t i = 0; i < 30; ++i) {
    const torch::Tensor others = (torch::arange(30) != i).nonzero().squeeze(1);
    const torch::Tensor outputs = explicit_ridge(scaled.index_select(0, others), one_hot.index_select(0, others),
                                                 result.strength, scaled.narrow(0, i, 1));
    const torch::Tensor logits = outputs * result.scale.scale;
    EXPECT_LT((logits - result.left_out.logits.narrow(0, i, 1)).abs().max().item<double>(), 1e-4);
  }
}

TEST(FitProbe, GivesTheMapOfAllImages) {
  const auto train = clouds({.images = 30}, 1);
  const ProbeResult result = fit_single(train, 3);
  const torch::Tensor scaled = train.rows / train.rows.norm(2, 1).mean();
  const torch::Tensor outputs =
      explicit_ridge(scaled, torch::one_hot(train.targets, 3), result.strength, scaled) * result.scale.scale;
  const torch::Tensor logits = torch::addmm(result.bias, train.rows, result.weight.t());
  EXPECT_LT((logits - outputs).abs().max().item<double>(), 1e-4);
  EXPECT_EQ(result.left_out.size(), 30);
  EXPECT_EQ(result.fold_strengths.size(), 5);
  EXPECT_NEAR(result.score.error.mean, metric::error_rate(result.left_out.logits, train.targets), 1e-12);
  EXPECT_NEAR(result.score.loss.mean, result.left_out.losses.mean().item<double>(), 1e-6);
  EXPECT_EQ(result.groups, 30);
  EXPECT_EQ(result.largest_group, 1);
}

TEST(FitProbe, SaysHowItDoesOnOtherImages) {
  const auto others = clouds({.images = 3'000, .distance = 0.6}, 99);
  double left_out = 0;
  double truth = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const ProbeResult result = fit_single(clouds({.images = 90, .distance = 0.6}, seed), 3, kNoCurve, &others);
    left_out += result.score.error.mean / 10;
    truth += result.valid->score.error.mean / 10;
    EXPECT_FALSE(result.valid->disagreement.is_beyond_chance);
  }
  EXPECT_NEAR(left_out, truth, 0.03);  // two standard errors of the mean of ten
}

/// Five images of each moment, which differ by little noise.
predict::Features bursts(std::uint64_t seed, torch::Tensor& groups) {
  groups = torch::arange(200).div(5, "floor");
  Numbers numbers(seed);
  torch::Tensor moments = numbers.normal({40, 60}) + 1;
  moments.select(1, 0) += 2.5 * (torch::arange(40) % 2);
  return as_features(moments.index_select(0, groups) + 0.1 * numbers.normal({200, 60}), groups % 2);
}

TEST(FitProbe, IsFooledByBurstsUnlessTheyAreLeftOutTogether) {
  torch::Tensor groups;
  torch::Tensor unused;
  const auto train = bursts(1, groups);
  const auto elsewhere = bursts(2, unused);
  const ProbeResult fooled = fit_single(train, 2, kNoCurve, &elsewhere);
  const ProbeResult honest = fit_single(train, 2, kNoCurve, &elsewhere, {groups, groups});
  EXPECT_LT(fooled.score.error.mean, 0.02);
  EXPECT_TRUE(fooled.valid->disagreement.is_beyond_chance);
  EXPECT_EQ(fooled.fine_tuning.gain, FineTuningGain::kUnclear);
  EXPECT_GT(honest.score.error.mean, 0.1);
  EXPECT_FALSE(honest.valid->disagreement.is_beyond_chance);
  EXPECT_GT(honest.score.error.standard_error, 1.8 * metric::share_standard_error(honest.score.error.mean, 200));
  EXPECT_EQ(honest.groups, 40);
  EXPECT_EQ(honest.largest_group, 5);
  EXPECT_LT(honest.weight.norm().item<double>(), fooled.weight.norm().item<double>() / 1.5);
  EXPECT_LT(honest.valid->score.loss.mean, 0.9);
  EXPECT_GT(fooled.valid->score.loss.mean, honest.valid->score.loss.mean);
}

TEST(FitProbe, FindsAShiftedValidationSet) {
  const auto train = clouds({.images = 120, .distance = 1.2}, 1);
  auto shifted = clouds({.images = 60, .distance = 1.2}, 2);
  shifted.targets = (shifted.targets + 1) % 3;
  const ProbeResult result = fit_single(train, 3, kNoCurve, &shifted);
  EXPECT_TRUE(result.valid->disagreement.is_beyond_chance);
  EXPECT_GT(result.valid->disagreement.error.value, 0.3);
  EXPECT_GT(result.valid->disagreement.loss.value, 0);
}

TEST(FitProbe, ChoosesOnTheValidationSetWhereItIsAsked) {
  torch::Tensor groups;
  torch::Tensor unused;
  const auto train = bursts(1, groups);
  const auto elsewhere = bursts(2, unused);
  const ProbeOptions on_valid = {.select = ProbeSelect::kValid, .learning_curve = false};
  const ProbeResult fooled = fit_single(train, 2, kNoCurve, &elsewhere);
  const ProbeResult result = fit_single(train, 2, on_valid, &elsewhere, {{}, groups});
  EXPECT_LT(result.weight.norm().item<double>(), fooled.weight.norm().item<double>() / 1.5);
  EXPECT_LT(result.valid->score.loss.mean, fooled.valid->score.loss.mean);
  const torch::Tensor own = torch::addmm(result.bias, elsewhere.rows, result.weight.t());
  EXPECT_GT((result.valid->predictions.logits - own).abs().max().item<double>(), 1e-6);  // cross-fitted
  EXPECT_NE(thrown_message<std::invalid_argument>([&] { fit_single(train, 2, on_valid); }).find("`select` valid"),
            std::string::npos);
  EXPECT_NE(thrown_message<std::invalid_argument>([&] {
              fit_single(train, 2, on_valid, &elsewhere, {{}, torch::zeros({200}, torch::kLong)});
            }).find("two groups"),
            std::string::npos);
}

TEST(FitProbe, BalancesByWeightsAsRepeatedImagesWould) {
  const auto all = clouds({.images = 80, .classes = 2}, 1);
  const torch::Tensor rare = (all.targets == 0).nonzero().squeeze(1).slice(0, 0, 10);
  const torch::Tensor common = (all.targets == 1).nonzero().squeeze(1).slice(0, 0, 30);
  const torch::Tensor once = torch::cat({rare, common});
  const torch::Tensor repeated = torch::cat({rare, rare, rare, common});
  const auto of = [&](const torch::Tensor& rows) {
    return as_features(all.rows.index_select(0, rows), all.targets.index_select(0, rows));
  };
  const double norm = of(once).rows.norm(2, 1).mean().item<double>();
  const double repeated_norm = of(repeated).rows.norm(2, 1).mean().item<double>();
  // Weights of 2 and 2/3 are two thirds of those that repeating gives.
  const double strength = 1.5 * norm * norm / (repeated_norm * repeated_norm);
  const ProbeResult weighted =
      fit_single(of(once), 2, {.balance = data::Balance::kWeights, .strength = 1, .learning_curve = false});
  const ProbeResult doubled = fit_single(of(repeated), 2, {.strength = strength, .learning_curve = false});
  EXPECT_LT((weighted.weight / weighted.scale.scale - doubled.weight / doubled.scale.scale).abs().max().item<double>(),
            1e-5);
}

TEST(FitProbe, JudgesAClassOfOneImageAndNeverPredictsAnAbsentOne) {
  auto train = clouds({.images = 31, .classes = 2, .distance = 2}, 1);
  train.targets[30] = 3;
  const auto valid = clouds({.images = 60, .classes = 2, .distance = 2}, 2);
  const ProbeResult result = fit_single(train, 5, {}, &valid);
  EXPECT_EQ(result.absent_classes, (std::vector<std::int64_t>{2, 4}));
  EXPECT_EQ(result.one_group_classes, (std::vector<std::int64_t>{3}));
  EXPECT_NE(result.left_out.logits[30].argmax().item<std::int64_t>(), 3);
  for (const auto* const predictions : {&result.left_out, &result.valid->predictions}) {
    const torch::Tensor predicted = predictions->logits.argmax(1);
    EXPECT_FALSE((predicted == 2).logical_or(predicted == 4).any().item<bool>());
  }
}

TEST(FitProbe, TakesMoreFeaturesThanImages) {
  const ProbeResult result = fit_single(clouds({.images = 24, .features = 200, .distance = 0.5}, 1), 3, {});
  EXPECT_LT(result.score.error.mean, 0.35);
  EXPECT_TRUE(torch::isfinite(result.left_out.logits).all().item<bool>());
}

TEST(FitProbe, SaysOfIdenticalImagesThatNothingIsKnown) {
  const auto train = as_features(torch::ones({12, 4}), torch::arange(12) % 3);
  const ProbeResult result = fit_single(train, 3, {});
  EXPECT_GT(result.score.error.mean, 0.6);
  EXPECT_NEAR(result.score.loss.mean, std::log(3.0), 0.05);
  EXPECT_TRUE(torch::isfinite(result.weight).all().item<bool>());
}

TEST(FitProbe, IsNotSureOfFeaturesWithoutInformation) {
  const ProbeResult result = fit_single(clouds({.images = 60, .distance = 0}, 1), 3, {});
  EXPECT_NEAR(result.score.loss.mean, std::log(3.0), 0.1);
  EXPECT_GT(result.score.error.mean, result.blind_error - 0.15);
  EXPECT_EQ(result.fine_tuning.gain, FineTuningGain::kUnclear);
}

predict::Features labelled(std::int64_t images, std::uint64_t seed) {
  Numbers numbers(seed);
  const torch::Tensor targets = (numbers.uniform({images, 4}) < torch::tensor({0.5, 0.3, 0.1, -1.0})).to(torch::kFloat);
  const torch::Tensor directions = Numbers(7).normal({4, 12});
  return as_features(targets.mm(directions) + 0.7 * numbers.normal({images, 12}), targets);
}

TEST(FitProbe, TakesSeveralLabels) {
  const auto train = labelled(120, 1);
  const auto valid = labelled(300, 2);
  for (const data::Balance balance : {data::Balance::kNone, data::Balance::kWeights}) {
    const ProbeResult result = fit_probe(train, &valid, {}, 4, Task::kMultiLabel, {.balance = balance});
    EXPECT_EQ(result.absent_classes, (std::vector<std::int64_t>{3}));
    EXPECT_LT(result.score.error.mean, 0.08);  // without features: .22
    EXPECT_NEAR(result.valid->score.error.mean, result.score.error.mean, 0.04);
    EXPECT_FALSE(result.valid->disagreement.is_beyond_chance);
    EXPECT_LT(result.left_out.probabilities.select(1, 3).max().item<double>(), 0.02);
    EXPECT_EQ(result.curve->points.size(), 4);
  }
}

TEST(FitProbe, IsTheSameEveryTime) {
  const auto train = clouds({.images = 60, .distance = 0.5}, 1);
  const ProbeResult once = fit_single(train, 3);
  const ProbeResult again = fit_single(train, 3);
  EXPECT_TRUE(once.weight.equal(again.weight));
  EXPECT_TRUE(once.left_out.logits.equal(again.left_out.logits));
}

void expect_refused(const predict::Features& train, std::int64_t classes, const std::string& part,
                    const ProbeGroups& groups = {}) {
  const std::string message =
      thrown_message<std::invalid_argument>([&] { fit_single(train, classes, kNoCurve, nullptr, groups); });
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(FitProbe, RefusesWhatCannotBeFitted) {
  const auto good = clouds({.images = 12}, 1);
  auto broken = good;
  broken.rows = good.rows.clone();
  broken.rows[5][2] = std::numeric_limits<float>::quiet_NaN();
  broken.ids[5] = 41;
  expect_refused(broken, 3, "the features of image 41 of the training set are not finite");
  auto unlabelled = good;
  unlabelled.targets = torch::Tensor();
  expect_refused(unlabelled, 3, "the training images have no labels");
  auto of_one_class = good;
  of_one_class.targets = torch::ones({12}, torch::kLong);
  expect_refused(of_one_class, 3, "all training images are of one class");
  expect_refused(good, 2, "the target of image 2 of the training set is none of the 2 classes");
  expect_refused(good, 3, "all 12 training images are in one group", {torch::zeros({12}, torch::kLong), {}});
  expect_refused(good, 3, "expected groups int64 [12]", {torch::zeros({11}, torch::kLong), {}});
  expect_refused(as_features(torch::zeros({4, 3}), torch::arange(4) % 2), 2, "all features are 0");
  expect_refused(as_features(torch::zeros({0, 3}), torch::zeros({0}, torch::kLong)), 2, "there are no training images");
}

TEST(FitProbe, RefusesAValidationSetOfOtherFeatures) {
  const auto train = clouds({.images = 12}, 1);
  const auto valid = clouds({.images = 12, .features = 5}, 1);
  const std::string message = thrown_message<std::invalid_argument>([&] { fit_single(train, 3, kNoCurve, &valid); });
  EXPECT_NE(message.find("training images have 8 features, validation images 5"), std::string::npos) << message;
}

/// Images of two classes that a network with random weights tells apart.
class ProbeTest : public testing::Test {
 protected:
  ProbeTest() { testing_support::write_tiny_images(folder_.path(), 12, 6); }

  data::Loaders loaders() const { return testing_support::tiny_block(folder_.path()).loaders({.num_workers = 1}); }
  static std::shared_ptr<model::Classifier> classifier(std::int64_t classes, const model::HeadOptions& head) {
    torch::manual_seed(1);
    return model::make_classifier({.architecture = "resnet20", .num_classes = classes, .head = head});
  }

  static inline const model::HeadOptions kLinear = {.kind = model::HeadKind::kLinear, .dropout = {0}};
  testing_support::TemporaryFolder folder_;
};

TEST_F(ProbeTest, MakesAnOrdinaryClassifier) {
  const data::Loaders data = loaders();
  const auto network = classifier(2, kLinear);
  std::size_t counted = 0;
  const ProbeOptions options = {.learning_curve = false,
                                .grouping = predict::Grouping::kNone,
                                .features = {.precision = model::Precision::kFp32}};
  const Probe probed = probe(data, *network, options, [&](std::size_t images) { counted += images; });
  EXPECT_EQ(counted, 36);
  EXPECT_EQ(probed.result.images, 24);
  EXPECT_EQ(probed.result.left_out.size(), 24);
  const predict::Predictions predictions = predict::collect_predictions(*network, *data.valid, {});
  const torch::Tensor& expected = probed.result.valid->predictions.logits;
  EXPECT_LT((predictions.logits - expected).abs().max().item<double>(),
            1e-3 * (1 + expected.abs().max().item<double>()));
  EXPECT_EQ(predictions.ids, probed.result.valid->predictions.ids);
  EXPECT_LT(probed.result.valid->score.error.mean, 0.2);
}

TEST_F(ProbeTest, IsThatOfOneProcessWhereSeveralShareIt) {
  if (!collective::has_backend(collective::Backend::kGloo)) GTEST_SKIP() << "this LibTorch has no Gloo";
  std::ofstream(folder_ / "train/flat/3.png") << "no image";
  std::mutex making;
  const auto probe_of = [&](const std::shared_ptr<collective::Group>& group, const std::filesystem::path& cache) {
    const model::ThreadCount one_thread(1);
    std::unique_lock lock(making);  // weights come from a generator of all threads
    const auto network = classifier(2, kLinear);
    const data::Loaders images =
        testing_support::tiny_block(folder_.path()).loaders({.batch_size = 5, .num_workers = 1});
    lock.unlock();
    return probe(images, *network,
                 {.features = {.precision = model::Precision::kFp32, .cache_folder = cache, .group = group}});
  };
  const Probe alone = probe_of(collective::one_process(), folder_ / "cache");
  for (const char* cache : {"none", "empty at first", "empty at first"}) {
    testing_support::run_joined(3, [&](const std::shared_ptr<collective::Group>& group) {
      const bool is_kept = cache != std::string("none");
      const Probe shared = probe_of(group, is_kept ? folder_ / fmt::format("{}-{}", cache, group->rank()) : "");
      EXPECT_TRUE(shared.train.rows.equal(alone.train.rows));
      EXPECT_EQ(shared.train.ids, alone.train.ids);
      EXPECT_EQ(shared.train.hashes, alone.train.hashes);
      EXPECT_EQ(shared.train.skipped.size(), 1U);
      EXPECT_TRUE(shared.train.targets.equal(alone.train.targets));
      EXPECT_TRUE(shared.result.weight.equal(alone.result.weight));
      EXPECT_TRUE(shared.result.left_out.logits.equal(alone.result.left_out.logits));
      EXPECT_EQ(shared.result.score.loss.mean, alone.result.score.loss.mean);
    });
  }
}

TEST_F(ProbeTest, SaysWhereProcessesHaveOtherNetworks) {
  if (!collective::has_backend(collective::Backend::kGloo)) GTEST_SKIP() << "this LibTorch has no Gloo";
  std::mutex making;
  testing_support::run_joined(2, [&](const std::shared_ptr<collective::Group>& group) {
    std::unique_lock lock(making);
    const auto network = classifier(2, kLinear);
    if (group->rank() == 1) {
      const torch::NoGradGuard no_grad;
      network->backbone().parameters()[0].mul_(2);
    }
    const data::Loaders images = loaders();
    lock.unlock();
    const std::string message =
        thrown_message<std::invalid_argument>([&] { probe(images, *network, {.features = {.group = group}}); });
    EXPECT_NE(message.find("the network, its transforms"), std::string::npos) << message;
  });
}

TEST_F(ProbeTest, LeavesOutNearCopiesTogether) {
  const Probe probed = probe(loaders(), *classifier(2, kLinear), {.learning_curve = false});
  EXPECT_EQ(probed.result.groups, probed.train_groups.count);
  EXPECT_EQ(probed.result.largest_group, probed.train_groups.largest);
  EXPECT_EQ(probed.valid_groups->of_image.size(0), 12);
}

TEST_F(ProbeTest, RefusesOtherHeadsAndClasses) {
  const std::string head = thrown_message<std::invalid_argument>([&] { probe(loaders(), *classifier(2, {})); });
  EXPECT_NE(head.find("head kind linear"), std::string::npos) << head;
  const std::string classes = thrown_message<std::invalid_argument>([&] { probe(loaders(), *classifier(3, kLinear)); });
  EXPECT_NE(classes.find("the classifier has 3 classes, the data 2"), std::string::npos) << classes;
}

TEST_F(ProbeTest, NamesTheFileWhoseFeaturesAreNotFinite) {
  const auto network = classifier(2, kLinear);
  {
    const torch::NoGradGuard no_grad;
    network->backbone().parameters()[0].fill_(std::numeric_limits<float>::quiet_NaN());
  }
  const std::string message = thrown_message<core::DataError>([&] { probe(loaders(), *network); });
  EXPECT_NE(message.find("0.png: its features are not finite"), std::string::npos) << message;
}

}  // namespace
}  // namespace margay::train
