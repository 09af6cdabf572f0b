#include "margay/train/callback/monitor.h"

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/metric/accuracy.h"
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

}  // namespace
}  // namespace margay::train
