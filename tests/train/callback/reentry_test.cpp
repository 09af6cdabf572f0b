#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/train/callback/callback.h"
#include "margay/train/callback/weight_average.h"
#include "margay/train/checkpoint/checkpoint.h"
#include "margay/train/distillation.h"
#include "margay/train/learner.h"
#include "margay/train/lr_find/lr_find.h"
#include "tests/support/thrown_message.h"
#include "tests/train/callback/tiny_learner.h"

namespace margay::train {
namespace {

using testing_support::are_equal;
using testing_support::thrown_message;
using testing_support::weights_of;

/// Calls a function in every event, which it names.
class InEveryEvent : public Callback {
 public:
  using Call = std::function<void(const std::string& event, Learner&, const Progress&)>;
  explicit InEveryEvent(Call call) : call_(std::move(call)) {}
  void before_fit(Learner& learner, const Progress& at) override { call_("before_fit", learner, at); }
  void before_epoch(Learner& learner, const Progress& at) override { call_("before_epoch", learner, at); }
  void before_batch(Learner& learner, const Progress& at) override { call_("before_batch", learner, at); }
  void after_loss(Learner& learner, const Progress& at) override { call_("after_loss", learner, at); }
  void before_step(Learner& learner, const Progress& at) override { call_("before_step", learner, at); }
  void after_step(Learner& learner, const Progress& at) override { call_("after_step", learner, at); }
  void after_batch(Learner& learner, const Progress& at) override { call_("after_batch", learner, at); }
  void after_train(Learner& learner, const Progress& at) override { call_("after_train", learner, at); }
  void after_validate(Learner& learner, const Progress& at) override { call_("after_validate", learner, at); }
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord&) override {
    call_("after_epoch", learner, at);
  }
  void after_fit(Learner& learner, const Progress& at) override { call_("after_fit", learner, at); }

 private:
  Call call_;
};

/// What a training comes to.
struct Outcome {
  model::TensorMap weights;
  std::vector<double> numbers;  ///< losses of steps and epochs, metrics
};

class ReentryTest : public testing_support::TinyLearnerTest {
 protected:
  /// Dropout, gathered batches and an average of the weights: all that evaluating could disturb.
  Outcome trained(const InEveryEvent::Call& call) const {
    Learner learner = this->learner_with({.precision = model::Precision::kFp32, .accumulate = 2});
    learner.add_callback(std::make_shared<WeightAverage>(learner.classifier()));
    if (call) learner.add_callback(std::make_shared<InEveryEvent>(call));
    learner.fit_one_cycle(2, 5e-3);
    Outcome outcome{weights_of(learner), {}};
    for (const StepRecord& step : learner.steps()) outcome.numbers.push_back(step.loss);
    for (const EpochRecord& record : learner.history()) {
      outcome.numbers.insert(outcome.numbers.end(), {record.train_loss, record.valid_loss, record.metrics.at(0)});
    }
    return outcome;
  }
  Learner learner_with(const LearnerOptions& options) const {
    return vision_learner(
        testing_support::tiny_block(folder_.path()).loaders({.batch_size = 2, .num_workers = 1, .seed = 1}), "resnet20",
        {.seed = 1, .head = {.dropout = {0.5}}, .learner = options});
  }
};

TEST_F(ReentryTest, ACallbackThatEvaluatesInAnyEventChangesNoBitOfTheTraining) {
  const Outcome plain = trained(nullptr);
  int evaluations = 0;
  const Outcome watched = trained([&](const std::string&, Learner& learner, const Progress& at) {
    if (!at.is_training || at.step % 2 != 0) return;
    EXPECT_TRUE(std::isfinite(learner.evaluate().valid_loss));
    EXPECT_EQ(learner.get_preds().logits.size(0), 4);
    EXPECT_EQ(learner.tta({.n = 1}).logits.size(0), 4);
    ++evaluations;
  });
  EXPECT_GE(evaluations, 8);
  EXPECT_EQ(watched.numbers, plain.numbers);
  EXPECT_TRUE(are_equal(watched.weights, plain.weights));
}

TEST_F(ReentryTest, EvaluatingLeavesWhereTheLoopIsToTheCaller) {
  trained([&](const std::string& event, Learner& learner, const Progress& at) {
    if (at.logits.defined() && !at.is_training && event == "after_batch") return;  // refused there
    const Progress before = at;
    learner.evaluate();
    EXPECT_EQ(at.step, before.step) << event;
    EXPECT_EQ(at.steps, before.steps) << event;
    EXPECT_EQ(at.is_training, before.is_training) << event;
    EXPECT_EQ(at.batch.ids, before.batch.ids) << event;
    EXPECT_TRUE(at.logits.is_same(before.logits)) << event;
    EXPECT_TRUE(at.loss.is_same(before.loss)) << event;
    EXPECT_EQ(at.stage, "one_cycle") << event;
  });
}

TEST_F(ReentryTest, PredictionsMayBeMadeDuringAValidationButNoOtherValidation) {
  const Outcome plain = trained(nullptr);
  int refused = 0;
  const Outcome watched = trained([&](const std::string& event, Learner& learner, const Progress& at) {
    if (event != "after_batch" || at.is_training) return;
    learner.get_preds();
    const auto message = thrown_message<std::invalid_argument>([&] { learner.evaluate(); });
    EXPECT_NE(message.find("[evaluate] cannot be called from a callback during a validation"), std::string::npos);
    ++refused;
  });
  EXPECT_GT(refused, 0);
  EXPECT_EQ(watched.numbers, plain.numbers);
}

TEST_F(ReentryTest, EveryModuleKeepsItsMode) {
  Learner learner = this->learner();
  const auto norm = learner.classifier().modules(false).at(2);
  learner.classifier().train();
  norm->eval();  // as a callback that freezes the statistics of some norms
  for (const auto& use : std::vector<std::function<void()>>{[&] { learner.evaluate(); }, [&] { learner.get_preds(); },
                                                            [&] { learner.tta({.n = 1}); }}) {
    use();
    EXPECT_TRUE(learner.classifier().is_training());
    EXPECT_FALSE(norm->is_training());
  }
}

TEST_F(ReentryTest, CallbacksAddedDuringAnEventHearFromTheNextOneOn) {
  Learner learner = this->learner();
  std::vector<std::string> heard;
  const auto late = std::make_shared<InEveryEvent>(
      [&](const std::string& event, Learner&, const Progress&) { heard.push_back(event); });
  learner.add_callback(std::make_shared<InEveryEvent>([&](const std::string& event, Learner& inner, const Progress&) {
    if (event != "before_batch" || !heard.empty()) return;
    for (int i = 0; i < 100; ++i) inner.add_callback(late);  // more than the list has room for
  }));
  learner.fit(1, 1e-3);
  ASSERT_GE(heard.size(), 200U);
  EXPECT_EQ(heard[0], "after_loss");
  EXPECT_EQ(heard[99], "after_loss");
  EXPECT_EQ(heard[100], "before_step");
}

TEST_F(ReentryTest, CallbacksMayTakeThemselvesOut) {
  Learner learner = this->learner();
  int heard = 0;
  learner.add_callback(std::make_shared<InEveryEvent>([&](const std::string&, Learner& inner, const Progress& at) {
    inner.exchange_callbacks({});
    heard += at.stage == "fit" ? 1 : 100;
  }));
  learner.fit(1, 1e-3);
  EXPECT_EQ(heard, 1);
}

TEST_F(ReentryTest, NothingThatTrainsBeginsWithinAFit) {
  const testing_support::TemporaryFolder place;
  Learner learner = this->learner();
  const auto refused = [](const std::function<void()>& call) {
    EXPECT_NE(thrown_message<std::invalid_argument>(call).find("a fit is under way"), std::string::npos);
  };
  int fits = 0;
  learner.add_callback(
      std::make_shared<InEveryEvent>([&](const std::string& event, Learner& inner, const Progress& at) {
        if (event != "after_batch" || !at.is_training) return;
        save_checkpoint(place / "c", inner);
        refused([&] { inner.fit(1, 1e-3); });
        refused([&] { inner.fine_tune(1); });
        refused([&] { inner.train_only([](double) { return Hyper(); }); });
        refused([&] { inner.resume_at(inner.training_state()); });
        refused([&] { load_checkpoint(place / "c", inner); });
        refused([&] { lr_find(inner); });
        ++fits;
      }));
  learner.fit(1, 1e-3);
  EXPECT_EQ(fits, 2);
  EXPECT_EQ(learner.steps().size(), 2U);
  EXPECT_EQ(learner.history().size(), 1U);
  EXPECT_FALSE(learner.is_fitting());
}

TEST_F(ReentryTest, NullIsRefused) {
  Learner learner = this->learner();
  EXPECT_THROW(Learner(learner.loaders(), nullptr), std::invalid_argument);
  EXPECT_THROW(learner.add_callback(nullptr), std::invalid_argument);
  EXPECT_THROW(learner.exchange_callbacks({nullptr}), std::invalid_argument);
  EXPECT_THROW(learner.set_metrics({nullptr}), std::invalid_argument);
  EXPECT_THROW(learner.set_training_loss(nullptr), std::invalid_argument);
  EXPECT_THROW(StopWhen(nullptr), std::invalid_argument);
  EXPECT_THROW(learner.fit({.epochs = 1, .schedule = nullptr}), std::invalid_argument);
  EXPECT_THROW(learner.train_only(nullptr), std::invalid_argument);
  EXPECT_TRUE(learner.callbacks().empty());
  EXPECT_NO_THROW(learner.fit(1, 1e-3));
}

/// Asks to stop from the first batch on.
TEST_F(ReentryTest, AStopIsHonouredAfterTheStepOfGatheredBatchesAtTheEndOfAnEpoch) {
  testing_support::TemporaryFolder only_training;
  testing_support::write_tiny_images(only_training.path(), 4, 2);
  Learner learner = vision_learner(data::DataBlock()
                                       .items(data::image_files(only_training.path() / "train"))
                                       .label(data::folder_labels())
                                       .split(data::no_split())
                                       .item_transform(data::resize({.size = 24}))
                                       .batch_transform(data::augment({.size = 16}))
                                       .loaders({.batch_size = 2, .num_workers = 1, .seed = 1}),
                                   "resnet20", {.learner = {.precision = model::Precision::kFp32, .accumulate = 100}});
  ASSERT_FALSE(learner.loaders().valid);
  learner.add_callback(std::make_shared<StopWhen>([] { return true; }));
  const std::string message = thrown_message<core::Interrupted>([&] { learner.fit(3, 1e-3); });
  EXPECT_EQ(message, "stopped in epoch 1 of 3 (fit), after batch 4 of 4");
  EXPECT_FALSE(learner.has_pending_gradients());
  EXPECT_EQ(learner.optimizer().state().at("head.8.weight.steps").item<std::int64_t>(), 1);
}

}  // namespace
}  // namespace margay::train
