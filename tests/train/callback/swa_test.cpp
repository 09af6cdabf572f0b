#include "margay/train/callback/swa.h"

#include "margay/core/error.h"
#include "tests/support/golden_tensor.h"
#include "tests/train/callback/tiny_learner.h"

namespace margay::train {
namespace {

using testing_support::AfterEpoch;
using testing_support::are_equal;
using testing_support::copy_of;
using testing_support::expect_near;
using testing_support::weights_of;
using SwaTest = testing_support::TinyLearnerTest;

TEST(SwaStart, IsAnEpochAndTheLastAtMost) {
  EXPECT_EQ(swa_first_epoch({.swa_start = 0.75}, 8), 6);
  EXPECT_EQ(swa_first_epoch({.swa_start = 0.75}, 10), 7);
  EXPECT_EQ(swa_first_epoch({.swa_start = 0.7}, 10), 7);
  EXPECT_EQ(swa_first_epoch({.swa_start = 0}, 10), 0);
  EXPECT_EQ(swa_first_epoch({.swa_start = 1}, 10), 9);
}

TEST_F(SwaTest, AveragesTheEndsOfTheLastEpochsEqually) {
  Learner learner = this->learner();
  const auto swa = std::make_shared<Swa>(learner.classifier(), SwaOptions{.swa_start = 0.5});
  std::vector<model::TensorMap> ends;
  learner.add_callback(swa);
  learner.add_callback(
      std::make_shared<AfterEpoch>([&](Learner& at, const Progress&) { ends.push_back(weights_of(at)); }));
  learner.fit(5, 1e-2);
  EXPECT_EQ(swa->epochs(), 3);
  for (const char* name : {"backbone.conv1.weight", "head.8.weight"}) {
    const torch::Tensor mean = (ends[2].at(name) + ends[3].at(name) + ends[4].at(name)) / 3;
    expect_near(swa->state().tensors.at(name), mean, 1e-6);
  }
  EXPECT_TRUE(are_equal(weights_of(learner), ends[4])) << "the model waits for apply()";
}

TEST_F(SwaTest, BeginsAnewWithEachFit) {
  Learner learner = this->learner();
  const auto swa = std::make_shared<Swa>(learner.classifier(), SwaOptions{.swa_start = 0});
  learner.add_callback(swa);
  learner.fit(2, 1e-3);
  learner.fit(1, 1e-3);
  EXPECT_EQ(swa->epochs(), 1);
  EXPECT_TRUE(are_equal(swa->state().tensors, weights_of(learner)));
}

TEST_F(SwaTest, ApplyMeasuresTheBatchNormsAnew) {
  Learner learner = this->learner();
  const auto swa = std::make_shared<Swa>(learner.classifier(), SwaOptions{.swa_start = 0});
  swa->apply(learner);  // nothing averaged yet, so nothing changes
  learner.add_callback(swa);
  learner.fit(3, 1e-2);
  swa->apply(learner);
  const model::TensorMap averaged = swa->state().tensors;
  const model::TensorMap applied = weights_of(learner);
  EXPECT_TRUE(applied.at("backbone.conv1.weight").equal(averaged.at("backbone.conv1.weight")));
  EXPECT_FALSE(applied.at("backbone.bn1.running_mean").equal(averaged.at("backbone.bn1.running_mean")));
}

TEST_F(SwaTest, GoesOnFromItsStateAsIfNothingHadHappened) {
  Learner learner = this->learner();
  Swa whole(learner.classifier(), {.swa_start = 0});
  Swa resumed(learner.classifier(), {.swa_start = 0});
  const torch::NoGradGuard no_grad;
  const auto epoch = [&](Swa& swa, std::int64_t number, double value) {
    for (const auto& [name, tensor] : learner.classifier().state()) tensor.fill_(value);
    const Progress at{.epoch = number, .epochs = 4};
    swa.before_epoch(learner, at);
    swa.after_epoch(learner, at, {});
  };
  epoch(whole, 0, 3);
  epoch(whole, 1, 6);
  resumed.load_state({.values = whole.state().values, .tensors = copy_of(whole.state().tensors)}, "c");
  epoch(whole, 2, 9);
  epoch(resumed, 2, 9);
  EXPECT_FLOAT_EQ(resumed.state().tensors.at("head.8.weight").mean().item<float>(), 6);
  EXPECT_TRUE(are_equal(resumed.state().tensors, whole.state().tensors));
  EXPECT_THROW(resumed.load_state({}, "c"), core::FormatError);
}

using UpdateBatchNorms = testing_support::TinyLearnerTest;

TEST_F(UpdateBatchNorms, GivesTheEqualMeanOfTheBatches) {
  Learner learner = this->learner();
  model::Classifier& classifier = learner.classifier();
  const data::Loader& loader = learner.loaders().train;
  classifier.eval();
  learner.classifier().state().at("backbone.bn1.running_mean").fill_(77);
  update_batch_norms(classifier, loader, {.epoch = 3});
  EXPECT_FALSE(classifier.is_training());
  EXPECT_EQ(classifier.state().at("backbone.bn1.num_batches_tracked").item<std::int64_t>(), 2);

  torch::Tensor sum = torch::zeros({16});
  data::LoaderPass pass = loader.pass(3);
  const torch::NoGradGuard no_grad;
  while (const auto batch = pass.next()) {
    const torch::Tensor weight = classifier.state().at("backbone.conv1.weight");
    sum += torch::conv2d(batch->images, weight, {}, /*stride=*/2, /*padding=*/1).mean({0, 2, 3});
  }
  expect_near(classifier.state().at("backbone.bn1.running_mean"), sum / 2, 1e-5);
}

TEST_F(UpdateBatchNorms, LeavesWeightsAndLaterTrainingAlone) {
  Learner learner = this->learner();
  const model::TensorMap before = weights_of(learner);
  update_batch_norms(learner.classifier(), learner.loaders().train, {.batches = 1});
  const model::TensorMap after = weights_of(learner);
  EXPECT_TRUE(after.at("backbone.bn1.weight").equal(before.at("backbone.bn1.weight")));
  EXPECT_EQ(after.at("backbone.bn1.num_batches_tracked").item<std::int64_t>(), 1);
  const torch::Tensor images = torch::ones({4, 3, 16, 16});
  learner.classifier().train();
  learner.classifier().forward(images);
  const torch::Tensor mean = learner.classifier().state().at("backbone.bn1.running_mean");
  const torch::Tensor old = after.at("backbone.bn1.running_mean");
  const torch::NoGradGuard no_grad;
  const torch::Tensor weight = after.at("backbone.conv1.weight");
  const torch::Tensor of_batch = torch::conv2d(images, weight, {}, /*stride=*/2, /*padding=*/1).mean({0, 2, 3});
  expect_near(mean, 0.9 * old + 0.1 * of_batch, 1e-5);  // their own momentum is back
}

}  // namespace
}  // namespace margay::train
