#include "margay/train/callback/weight_average.h"

#include "margay/core/error.h"
#include "margay/train/callback/callback.h"
#include "tests/support/golden_tensor.h"
#include "tests/train/callback/tiny_learner.h"

namespace margay::train {
namespace {

using testing_support::are_equal;
using testing_support::copy_of;
using testing_support::expect_near;
using testing_support::weights_of;

class WeightAverageTest : public testing_support::TinyLearnerTest {
 protected:
  static void set_all(Learner& learner, double value) {
    const torch::NoGradGuard no_grad;
    for (const auto& [name, tensor] : learner.classifier().state()) tensor.fill_(value);
  }
  /// One training step that leaves all weights at `value`.
  static void step(WeightAverage& average, Learner& learner, double value) {
    average.before_step(learner, {.is_training = true});
    set_all(learner, value);
    average.after_step(learner, {.is_training = true});
  }
  static double mean_of(const WeightAverage& average, const char* name) {
    return average.state().tensors.at(name).mean().item<double>();
  }
};

constexpr const char* kWeight = "backbone.conv1.weight";
constexpr const char* kStatistic = "backbone.bn1.running_var";
constexpr const char* kCounter = "backbone.bn1.num_batches_tracked";

TEST(EmaDecay, WarmsUpToItsValue) {
  const WeightAverageOptions options;
  EXPECT_DOUBLE_EQ(ema_decay_at(0, options), 0.1);
  EXPECT_DOUBLE_EQ(ema_decay_at(1, options), 2.0 / 11);
  EXPECT_DOUBLE_EQ(ema_decay_at(90, options), 0.91);
  EXPECT_DOUBLE_EQ(ema_decay_at(100000, options), 0.999);
  EXPECT_DOUBLE_EQ(ema_decay_at(0, {.ema_warmup = false}), 0.999);
}

TEST_F(WeightAverageTest, GivesNumbersComputedByHand) {
  Learner learner = this->learner();
  WeightAverage average(learner.classifier(), {.ema_decay = 0.5, .ema_warmup = false});
  set_all(learner, 8);
  step(average, learner, 4);  // .5·8 + .5·4 = 6
  EXPECT_NEAR(mean_of(average, kWeight), 6, 1e-5);
  step(average, learner, 2);  // .5·6 + .5·2 = 4
  EXPECT_NEAR(mean_of(average, kWeight), 4, 1e-5);
  EXPECT_NEAR(mean_of(average, kStatistic), 4, 1e-5) << "statistics of batch norms are averaged";
  EXPECT_EQ(average.state().tensors.at(kCounter).item<std::int64_t>(), 2) << "counters are copied";

  WeightAverage warm(learner.classifier());
  set_all(learner, 8);
  step(warm, learner, 4);  // .1·8 + .9·4 = 4.4
  EXPECT_NEAR(mean_of(warm, kWeight), 4.4, 1e-5);
  step(warm, learner, 2);  // 2/11·4.4 + 9/11·2 = 26.8/11
  EXPECT_NEAR(mean_of(warm, kWeight), 26.8 / 11, 1e-5);
}

TEST_F(WeightAverageTest, AgreesWithTheFormulaOverAFit) {
  Learner learner = this->learner();
  const auto average = std::make_shared<WeightAverage>(learner.classifier(), WeightAverageOptions{.ema_decay = 0.3});
  model::TensorMap expected;
  std::int64_t t = 0;
  class Formula : public Callback {
   public:
    Formula(std::function<void(Learner&)> before, std::function<void(Learner&)> after)
        : before_(std::move(before)), after_(std::move(after)) {}
    void before_step(Learner& learner, const Progress& /*at*/) override { before_(learner); }
    void after_batch(Learner& learner, const Progress& at) override {
      if (at.is_training) after_(learner);
    }
    std::function<void(Learner&)> before_;
    std::function<void(Learner&)> after_;
  };
  const auto begin = [&](Learner& at) {
    if (t == 0) expected = weights_of(at);
  };
  learner.add_callback(average);
  learner.add_callback(std::make_shared<Formula>(begin, [&](Learner& at) {
    const double decay = std::min(0.3, (1.0 + static_cast<double>(t)) / (10.0 + static_cast<double>(t)));
    for (const auto& [name, tensor] : at.classifier().state()) {
      if (tensor.is_floating_point()) expected[name] = decay * expected[name] + (1 - decay) * tensor.detach();
    }
    ++t;
  }));
  learner.fit(2, 1e-2);
  EXPECT_EQ(average->updates(), 4);
  const model::TensorMap tensors = average->state().tensors;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.is_floating_point()) expect_near(tensor, expected.at(name), 1e-5);
  }
}

/// What the history showed if these weights had validated.
double valid_loss(Learner& learner) { return learner.get_preds().losses.mean().item<double>(); }

TEST_F(WeightAverageTest, ValidatesWithTheAverageAndTrainsWithTheRawWeights) {
  Learner plain = learner();
  plain.fit(3, 1e-2);
  Learner averaged = learner();
  const auto average = std::make_shared<WeightAverage>(averaged.classifier());
  averaged.add_callback(average);
  averaged.fit(3, 1e-2);
  EXPECT_TRUE(are_equal(weights_of(plain), weights_of(averaged))) << "averaging must not disturb training";
  EXPECT_FALSE(average->is_in_model());
  EXPECT_NE(averaged.history().back().valid_loss, plain.history().back().valid_loss);
  average->apply();
  EXPECT_TRUE(are_equal(weights_of(averaged), average->state().tensors));
  const double expected = averaged.history().back().valid_loss;
  EXPECT_NEAR(valid_loss(averaged), expected, 1e-6 * (1 + expected)) << "a mean of float32 losses, however large";
}

TEST_F(WeightAverageTest, ValidatesWithTheRawWeightsIfAsked) {
  Learner plain = learner();
  plain.fit(1, 1e-2);
  Learner averaged = learner();
  averaged.add_callback(
      std::make_shared<WeightAverage>(averaged.classifier(), WeightAverageOptions{.ema_evaluate = EvaluateWith::kRaw}));
  averaged.fit(1, 1e-2);
  EXPECT_EQ(averaged.history().back().valid_loss, plain.history().back().valid_loss);
}

TEST_F(WeightAverageTest, GivesTheRawWeightsBackWhenAValidationIsInterrupted) {
  Learner learner = this->learner();
  const auto average = std::make_shared<WeightAverage>(learner.classifier());
  learner.add_callback(average);
  bool was_in_model = false;
  int batches = 0;
  learner.add_callback(std::make_shared<StopWhen>([&] {
    was_in_model = average->is_in_model();
    return ++batches == 3;  // the first of the validation
  }));
  EXPECT_THROW(learner.fit(2, 1e-2), core::Interrupted);
  EXPECT_TRUE(was_in_model);
  EXPECT_FALSE(average->is_in_model());
  Learner plain = this->learner();
  plain.fit(1, 1e-2);
  EXPECT_TRUE(are_equal(weights_of(learner), weights_of(plain)));
}

TEST_F(WeightAverageTest, ModelAndStateAreWholeInEitherPosition) {
  for (const bool is_restored_first : {true, false}) {
    Learner learner = this->learner();
    const auto average = std::make_shared<WeightAverage>(learner.classifier());
    learner.add_callback(average);
    learner.fit(1, 1e-2);
    const model::TensorMap raw = weights_of(learner);
    average->after_train(learner, {});
    ASSERT_TRUE(average->is_in_model());
    const model::TensorMap averaged = weights_of(learner);
    if (is_restored_first) average->restore();
    const model::TensorMap model = weights_of(learner);
    CallbackState saved = average->state();
    saved.tensors = copy_of(saved.tensors);

    Learner other = this->learner();
    WeightAverage resumed(other.classifier());
    other.classifier().load_state(model, "c.safetensors");
    resumed.load_state(saved, "c.safetensors");
    resumed.before_fit(other, {});
    EXPECT_TRUE(are_equal(weights_of(other), raw));
    EXPECT_TRUE(are_equal(resumed.state().tensors, averaged));
    EXPECT_EQ(resumed.updates(), 2);
  }
}

TEST_F(WeightAverageTest, GoesOnFromItsStateAsIfNothingHadHappened) {
  Learner learner = this->learner();
  WeightAverage whole(learner.classifier());
  set_all(learner, 8);
  step(whole, learner, 4);
  CallbackState saved = whole.state();
  saved.tensors = copy_of(saved.tensors);
  WeightAverage resumed(learner.classifier());
  resumed.load_state(saved, "c.safetensors");
  step(whole, learner, 2);
  set_all(learner, 4);
  step(resumed, learner, 2);
  EXPECT_TRUE(are_equal(resumed.state().tensors, whole.state().tensors));
}

TEST_F(WeightAverageTest, LendsTheAverageAndTakesItBackWhateverHappens) {
  Learner learner = this->learner();
  WeightAverage average(learner.classifier(), {.ema_decay = 0.5, .ema_warmup = false});
  int calls = 0;
  average.with_average([&] { ++calls; });
  EXPECT_EQ(calls, 1) << "without an average yet, the weights themselves";
  set_all(learner, 8);
  step(average, learner, 4);
  const auto weight = [&] { return learner.classifier().state().at(kWeight).mean().item<double>(); };
  average.with_average([&] { EXPECT_NEAR(weight(), 6, 1e-5); });
  EXPECT_NEAR(weight(), 4, 1e-5);
  EXPECT_THROW(average.with_average([] { throw core::Interrupted("disk full"); }), core::Interrupted);
  EXPECT_NEAR(weight(), 4, 1e-5);
}

TEST_F(WeightAverageTest, RefusesTheStateOfAnotherModel) {
  Learner learner = this->learner();
  WeightAverage average(learner.classifier());
  step(average, learner, 1);
  CallbackState state = average.state();
  state.tensors[kWeight] = torch::zeros({1});
  EXPECT_THROW(average.load_state(state, "c"), core::FormatError);
  state.tensors.erase(kWeight);
  EXPECT_THROW(average.load_state(state, "c"), core::FormatError);
  EXPECT_THROW(average.load_state({}, "c"), core::FormatError);
}

}  // namespace
}  // namespace margay::train
