#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/metric/metric.h"
#include "margay/train/callback/tracker.h"
#include "tests/support/thrown_message.h"
#include "tests/train/callback/tiny_learner.h"

namespace margay::train {
namespace {

using testing_support::thrown_message;
using MonitorTest = testing_support::TinyLearnerTest;

const metric::Metrics kMetrics = {std::make_shared<metric::ErrorRate>(), std::make_shared<metric::Accuracy>()};

/// Which of the values of the first or second metric are improvements, as "yn…".
std::string decisions(Monitor& monitor, const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    const EpochRecord record{.train_loss = value, .valid_loss = value, .metrics = {value, value}};
    text += monitor.improves(record, kMetrics) ? "y" : "n";
  }
  return text;
}

TEST(Monitor, KnowsWhetherLowerOrHigherIsBetter) {
  Monitor error({.monitor = "error_rate"});
  EXPECT_EQ(decisions(error, {0.5, 0.4, 0.4, 0.45, 0.3}), "yynny");
  EXPECT_EQ(error.best(), 0.3);
  Monitor accuracy({.monitor = "accuracy"});
  EXPECT_EQ(decisions(accuracy, {0.5, 0.6, 0.6, 0.55, 0.7}), "yynny");
  for (const char* name : {"train_loss", "valid_loss"}) {
    Monitor loss({.monitor = name});
    EXPECT_EQ(decisions(loss, {2, 3, 1}), "yny");
  }
}

TEST(Monitor, AsksForMoreThanMinDelta) {
  Monitor monitor({.monitor = "valid_loss", .min_delta = 0.25});
  EXPECT_EQ(decisions(monitor, {2, 1.75, 1.8, 1.5, 1.25}), "ynnyn");
}

TEST(Monitor, NeverTakesNanOrInfinityForBetter) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Monitor monitor;
  EXPECT_EQ(decisions(monitor, {kNan, kInfinity, -kInfinity}), "nnn");
  EXPECT_FALSE(monitor.best());
  EXPECT_EQ(decisions(monitor, {2, kNan, 1}), "yny");
}

TEST_F(MonitorTest, RefusesAnUnknownNameAndSaysWhatThereIs) {
  Learner learner = this->learner();
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { Monitor({.monitor = "eror_rate"}).check(learner); }),
            "[monitor] 'eror_rate' is none of train_loss, valid_loss, error_rate; did you mean 'error_rate'?");
  EXPECT_NO_THROW(Monitor({.monitor = "error_rate"}).check(learner));
  EXPECT_THROW(Monitor({.min_delta = -1}), std::invalid_argument);
}

TEST_F(MonitorTest, RefusesNumbersOfAValidationThatThereIsNot) {
  const data::DataBlock block = testing_support::tiny_block(folder_.path()).split([](const data::Items& items) {
    data::Split all_train;
    for (std::size_t i = 0; i < items.size(); ++i) all_train.train.push_back(i);
    return all_train;
  });
  Learner learner = vision_learner(block.loaders({.batch_size = 4}), "resnet20");
  EXPECT_THROW(Monitor().check(learner), std::invalid_argument);
  EXPECT_THROW(Monitor({.monitor = "error_rate"}).check(learner), std::invalid_argument);
  EXPECT_NO_THROW(Monitor({.monitor = "train_loss"}).check(learner));
}

TEST(Monitor, GoesOnFromItsState) {
  Monitor first;
  EXPECT_EQ(decisions(first, {2, 1.0 / 3}), "yy");
  Monitor second;
  second.load_state(nlohmann::ordered_json::parse(first.state().dump()), "c.safetensors");
  EXPECT_EQ(second.best(), first.best());
  EXPECT_EQ(decisions(second, {1, 0.33}), "ny");
  Monitor untouched;
  second.load_state(untouched.state(), "c.safetensors");
  EXPECT_FALSE(second.best());
}

TEST(Monitor, RefusesAStateOfAnotherMonitorAndNamesTheFile) {
  Monitor monitor;
  for (const nlohmann::ordered_json& state :
       {Monitor({.monitor = "accuracy"}).state(), nlohmann::ordered_json("best"), nlohmann::ordered_json(),
        nlohmann::ordered_json({{"monitor", "valid_loss"}, {"best", "low"}})}) {
    EXPECT_NE(
        thrown_message<core::FormatError>([&] { monitor.load_state(state, "c.safetensors"); }).find("c.safetensors"),
        std::string::npos);
  }
}

using testing_support::script;
using EarlyStoppingTest = testing_support::TinyLearnerTest;

const MonitorOptions kMonitorScripted{.monitor = "scripted"};

TEST_F(EarlyStoppingTest, EndsAFitAfterSoManyEpochsWithoutAnImprovement) {
  Learner learner = this->learner();
  script(learner, {5, 4, 6, 3, 3, 4, 2});
  const auto stopping = std::make_shared<EarlyStopping>(kMonitorScripted, EarlyStoppingOptions{.stop_patience = 2});
  learner.add_callback(stopping);
  learner.fit(10, 1e-4);
  EXPECT_EQ(learner.history().size(), 6U);
  EXPECT_TRUE(stopping->has_stopped());
}

TEST_F(EarlyStoppingTest, JudgesEachFitOnItsOwn) {
  Learner learner = this->learner();
  script(learner, {1, 2, 9, 8, 9});
  const auto stopping = std::make_shared<EarlyStopping>(kMonitorScripted, EarlyStoppingOptions{.stop_patience = 1});
  learner.add_callback(stopping);
  learner.fit(5, 1e-4);
  EXPECT_EQ(learner.history().size(), 2U);
  learner.fit(5, 1e-4);
  EXPECT_EQ(learner.history().size(), 5U);
}

TEST_F(EarlyStoppingTest, DecidesAfterAnInterruptionAsWithoutOne) {
  Learner learner = this->learner();
  script(learner, {5, 6, 7, 4});
  const auto whole = std::make_shared<EarlyStopping>(kMonitorScripted, EarlyStoppingOptions{.stop_patience = 3});
  CallbackState saved;
  learner.add_callback(whole);
  learner.add_callback(std::make_shared<testing_support::AfterEpoch>([&](Learner&, const Progress& at) {
    if (at.epoch == 1) saved = whole->state();
  }));
  learner.fit(4, 1e-4);

  EarlyStopping resumed(kMonitorScripted, {.stop_patience = 3});
  resumed.load_state({.values = nlohmann::ordered_json::parse(saved.values.dump())}, "c.safetensors");
  EXPECT_EQ(resumed.idle_epochs(), 1);
  for (const std::size_t epoch : {2U, 3U}) {
    const Progress at{.epoch = static_cast<std::int64_t>(epoch), .epochs = 4};
    resumed.before_epoch(learner, at);
    resumed.after_epoch(learner, at, learner.history()[epoch]);
  }
  EXPECT_EQ(resumed.state().values, whole->state().values);
  EXPECT_EQ(resumed.idle_epochs(), 0);
}

TEST_F(EarlyStoppingTest, RefusesAnUnknownNameBeforeItTrains) {
  Learner learner = this->learner();
  learner.add_callback(std::make_shared<EarlyStopping>(kMonitorScripted));
  EXPECT_THROW(learner.fit(1, 1e-4), std::invalid_argument);
  EXPECT_TRUE(learner.steps().empty());
  EXPECT_THROW(EarlyStopping({}, {.stop_patience = 0}), std::invalid_argument);
}

TEST_F(EarlyStoppingTest, RefusesADamagedState) {
  EarlyStopping stopping;
  EXPECT_THROW(stopping.load_state({}, "c"), core::FormatError);
  nlohmann::ordered_json values = EarlyStopping().state().values;
  values["idle_epochs"] = -1;
  EXPECT_THROW(stopping.load_state({.values = values}, "c"), core::FormatError);
}

TEST(EarlyStoppingWarning, SpeaksOfSchedulesThatEndLow) {
  EXPECT_NE(early_stopping_warning("one_cycle").value().find("is wrong with a one_cycle schedule"), std::string::npos);
  EXPECT_FALSE(early_stopping_warning("flat"));
}

using ReduceOnPlateauTest = testing_support::TinyLearnerTest;

/// The last group's rate in each epoch, of two steps, so far.
std::vector<double> rates(const Learner& learner) {
  std::vector<double> rates;
  for (std::size_t i = 0; i < learner.steps().size(); i += 2) rates.push_back(learner.steps()[i].lr);
  return rates;
}

void expect_rates(const Learner& learner, const std::vector<double>& expected) {
  const std::vector<double> actual = rates(learner);
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-12) << "epoch " << i;
}

TEST_F(ReduceOnPlateauTest, LowersTheRateWhenResultsNoLongerImproveAndThenWaitsAsLong) {
  Learner learner = this->learner();
  script(learner, {5, 4, 4, 5, 4, 4, 3});
  learner.add_callback(
      std::make_shared<ReduceOnPlateau>(kMonitorScripted, ReduceOnPlateauOptions{.plateau_patience = 2}));
  learner.fit(7, 1e-3);
  expect_rates(learner, {1e-3, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5});
}

TEST_F(ReduceOnPlateauTest, StopsAtTheLowestRate) {
  Learner learner = this->learner();
  script(learner, {1, 1, 1, 1});
  learner.add_callback(std::make_shared<ReduceOnPlateau>(
      kMonitorScripted, ReduceOnPlateauOptions{.plateau_factor = 0.5, .plateau_patience = 1, .plateau_min_lr = 4e-4}));
  learner.fit(4, 1e-3);
  expect_rates(learner, {1e-3, 1e-3, 5e-4, 4e-4});
}

TEST_F(ReduceOnPlateauTest, BeginsEachFitWithTheRatesOfItsSchedule) {
  Learner learner = this->learner();
  script(learner, {1, 1, 1});
  learner.add_callback(
      std::make_shared<ReduceOnPlateau>(kMonitorScripted, ReduceOnPlateauOptions{.plateau_patience = 1}));
  learner.fit(2, 1e-3);
  EXPECT_NEAR(learner.lr_factor(), 0.1, 1e-12);
  learner.fit(1, 1e-3);
  expect_rates(learner, {1e-3, 1e-3, 1e-3});
}

TEST_F(ReduceOnPlateauTest, DecidesAfterAnInterruptionAsWithoutOne) {
  Learner learner = this->learner();
  const metric::Metrics metrics = {
      std::make_shared<testing_support::ScriptedMetric>(std::vector<double>(), metric::Direction::kLowerIsBetter)};
  learner.set_metrics(metrics);
  const std::vector<double> values = {3, 3, 3, 3, 2, 2, 2};
  for (std::size_t cut = 1; cut < values.size(); ++cut) {
    ReduceOnPlateau whole(kMonitorScripted, {.plateau_patience = 2});
    auto resumed = std::make_unique<ReduceOnPlateau>(kMonitorScripted, ReduceOnPlateauOptions{.plateau_patience = 2});
    const auto epoch = [&](ReduceOnPlateau& rule, std::size_t i) {
      Progress at{.epoch = static_cast<std::int64_t>(i), .epochs = 7, .lrs = {1e-3}};
      rule.before_epoch(learner, at);
      rule.after_epoch(learner, at, {.epoch = at.epoch, .metrics = {values[i]}});
      return learner.lr_factor();
    };
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double expected = epoch(whole, i);
      if (i == cut) {
        resumed->before_fit(learner, {});
        EXPECT_EQ(learner.lr_factor(), resumed->state().values["lr_factor"].get<double>());
      }
      if (i >= cut) {
        EXPECT_EQ(epoch(*resumed, i), expected) << "cut " << cut << ", epoch " << i;
      }
      if (i + 1 == cut) resumed->load_state(whole.state(), "c.safetensors");
    }
  }
}

TEST_F(ReduceOnPlateauTest, RefusesADamagedState) {
  ReduceOnPlateau rule;
  nlohmann::ordered_json values = rule.state().values;
  values["lr_factor"] = 0;
  EXPECT_THROW(rule.load_state({.values = values}, "c"), core::FormatError);
  EXPECT_THROW(rule.load_state({}, "c"), core::FormatError);
}

}  // namespace

}  // namespace margay::train
