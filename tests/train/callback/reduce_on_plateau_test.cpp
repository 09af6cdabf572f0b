#include "margay/train/callback/reduce_on_plateau.h"

#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "tests/train/callback/tiny_learner.h"

namespace margay::train {
namespace {

using testing_support::script;
using ReduceOnPlateauTest = testing_support::TinyLearnerTest;

const MonitorOptions kScripted{.monitor = "scripted"};

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
  learner.add_callback(std::make_shared<ReduceOnPlateau>(kScripted, ReduceOnPlateauOptions{.plateau_patience = 2}));
  learner.fit(7, 1e-3);
  expect_rates(learner, {1e-3, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5});
}

TEST_F(ReduceOnPlateauTest, StopsAtTheLowestRate) {
  Learner learner = this->learner();
  script(learner, {1, 1, 1, 1});
  learner.add_callback(std::make_shared<ReduceOnPlateau>(
      kScripted, ReduceOnPlateauOptions{.plateau_factor = 0.5, .plateau_patience = 1, .plateau_min_lr = 4e-4}));
  learner.fit(4, 1e-3);
  expect_rates(learner, {1e-3, 1e-3, 5e-4, 4e-4});
}

TEST_F(ReduceOnPlateauTest, BeginsEachFitWithTheRatesOfItsSchedule) {
  Learner learner = this->learner();
  script(learner, {1, 1, 1});
  learner.add_callback(std::make_shared<ReduceOnPlateau>(kScripted, ReduceOnPlateauOptions{.plateau_patience = 1}));
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
    ReduceOnPlateau whole(kScripted, {.plateau_patience = 2});
    auto resumed = std::make_unique<ReduceOnPlateau>(kScripted, ReduceOnPlateauOptions{.plateau_patience = 2});
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
