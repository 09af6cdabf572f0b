#include "margay/train/callback/early_stopping.h"

#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "tests/train/callback/tiny_learner.h"

namespace margay::train {
namespace {

using testing_support::script;
using EarlyStoppingTest = testing_support::TinyLearnerTest;

const MonitorOptions kScripted{.monitor = "scripted"};

TEST_F(EarlyStoppingTest, EndsAFitAfterSoManyEpochsWithoutAnImprovement) {
  Learner learner = this->learner();
  script(learner, {5, 4, 6, 3, 3, 4, 2});
  const auto stopping = std::make_shared<EarlyStopping>(kScripted, EarlyStoppingOptions{.stop_patience = 2});
  learner.add_callback(stopping);
  learner.fit(10, 1e-4);
  EXPECT_EQ(learner.history().size(), 6U);
  EXPECT_TRUE(stopping->has_stopped());
}

TEST_F(EarlyStoppingTest, JudgesEachFitOnItsOwn) {
  Learner learner = this->learner();
  script(learner, {1, 2, 9, 8, 9});
  const auto stopping = std::make_shared<EarlyStopping>(kScripted, EarlyStoppingOptions{.stop_patience = 1});
  learner.add_callback(stopping);
  learner.fit(5, 1e-4);
  EXPECT_EQ(learner.history().size(), 2U);
  learner.fit(5, 1e-4);
  EXPECT_EQ(learner.history().size(), 5U);
}

TEST_F(EarlyStoppingTest, DecidesAfterAnInterruptionAsWithoutOne) {
  Learner learner = this->learner();
  script(learner, {5, 6, 7, 4});
  const auto whole = std::make_shared<EarlyStopping>(kScripted, EarlyStoppingOptions{.stop_patience = 3});
  CallbackState saved;
  learner.add_callback(whole);
  learner.add_callback(std::make_shared<testing_support::AfterEpoch>([&](Learner&, const Progress& at) {
    if (at.epoch == 1) saved = whole->state();
  }));
  learner.fit(4, 1e-4);

  EarlyStopping resumed(kScripted, {.stop_patience = 3});
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
  learner.add_callback(std::make_shared<EarlyStopping>(kScripted));
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
  EXPECT_NE(early_stopping_warning("one_cycle").value().find("spoils a one_cycle schedule"), std::string::npos);
  EXPECT_FALSE(early_stopping_warning("flat"));
}

}  // namespace
}  // namespace margay::train
