#include "margay/train/callback/tracker.h"

#include "margay/core/error.h"
#include "tests/train/callback/tiny_learner.h"

namespace margay::train {
namespace {

using testing_support::AfterEpoch;
using testing_support::are_equal;
using testing_support::copy_of;
using testing_support::script;
using testing_support::weights_of;
using KeepBestTest = testing_support::TinyLearnerTest;

const MonitorOptions kScripted{.monitor = "scripted"};

TEST_F(KeepBestTest, WritesWheneverAnEpochIsBetterThanAllBefore) {
  Learner learner = this->learner();
  script(learner, {0.5, 0.7, 0.6, 0.8, 0.9}, metric::Direction::kHigherIsBetter);
  std::vector<std::size_t> written;
  learner.add_callback(std::make_shared<KeepBest>(
      kScripted, [&](Learner& at) { written.push_back(at.history().size()); }, KeepBestOptions{}));
  learner.fit(4, 1e-4);
  EXPECT_EQ(written, (std::vector<std::size_t>{1, 2, 4}));
  learner.fit(1, 1e-4);
  EXPECT_EQ(written.back(), 5U) << "the best of all fits counts";
}

TEST_F(KeepBestTest, EndsAFitWithTheBestWeightsIfAsked) {
  Learner learner = this->learner();
  script(learner, {3, 1, 2});
  model::TensorMap second;
  learner.add_callback(std::make_shared<AfterEpoch>([&](Learner& at, const Progress& progress) {
    if (progress.epoch == 1) second = weights_of(at);
  }));
  learner.add_callback(std::make_shared<KeepBest>(kScripted, nullptr, KeepBestOptions{.restore_best = true}));
  learner.fit(3, 1e-3);
  EXPECT_TRUE(are_equal(weights_of(learner), second));
}

TEST_F(KeepBestTest, LeavesTheLastWeightsUnlessAsked) {
  Learner learner = this->learner();
  script(learner, {1, 2});
  model::TensorMap last;
  learner.add_callback(std::make_shared<AfterEpoch>([&](Learner& at, const Progress&) { last = weights_of(at); }));
  const auto best = std::make_shared<KeepBest>(kScripted, nullptr);
  learner.add_callback(best);
  learner.fit(2, 1e-3);
  EXPECT_TRUE(are_equal(weights_of(learner), last));
  EXPECT_FALSE(best->restore(learner));
  EXPECT_TRUE(best->state().tensors.empty());
}

TEST_F(KeepBestTest, KeepsTheAverageWhereTheAverageValidates) {
  Learner learner = this->learner();
  script(learner, {1, 2});
  const auto average = std::make_shared<WeightAverage>(learner.classifier());
  model::TensorMap averaged;
  model::TensorMap written;
  learner.add_callback(average);
  learner.add_callback(std::make_shared<AfterEpoch>([&](Learner&, const Progress& at) {
    if (at.epoch == 0) averaged = copy_of(average->state().tensors);
  }));
  learner.add_callback(std::make_shared<KeepBest>(
      kScripted, [&](Learner& at) { written = weights_of(at); }, KeepBestOptions{.restore_best = true}, average));
  learner.fit(2, 1e-3);
  EXPECT_TRUE(are_equal(written, averaged));
  EXPECT_TRUE(are_equal(weights_of(learner), averaged));
}

TEST_F(KeepBestTest, GoesOnFromItsStateAsIfNothingHadHappened) {
  Learner learner = this->learner();
  script(learner, {2});
  KeepBest whole(kScripted, nullptr, {.restore_best = true});
  const auto epoch = [&](KeepBest& rule, double value) { rule.after_epoch(learner, {}, {.metrics = {value}}); };
  epoch(whole, 2);
  const model::TensorMap best = weights_of(learner);
  KeepBest resumed(kScripted, nullptr, {.restore_best = true});
  resumed.load_state(whole.state(), "c.safetensors");
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : learner.classifier().state()) tensor.fill_(1);
  epoch(resumed, 3);
  resumed.after_fit(learner, {});
  EXPECT_TRUE(are_equal(weights_of(learner), best));
  EXPECT_EQ(resumed.best(), 2);
  EXPECT_THROW(resumed.load_state({}, "c.safetensors"), core::FormatError);
}

TEST_F(KeepBestTest, RefusesBestWeightsOfAnotherModelBeforeItTrains) {
  Learner learner = this->learner();
  script(learner, {2});
  KeepBest rule(kScripted, nullptr, {.restore_best = true});
  rule.after_epoch(learner, {}, {.metrics = {2}});
  CallbackState crafted = rule.state();
  crafted.tensors["head.8.weight"] = torch::ones({3});
  rule.load_state(crafted, "c.safetensors");
  EXPECT_THROW(rule.before_fit(learner, {}), core::FormatError);
}

}  // namespace
}  // namespace margay::train
