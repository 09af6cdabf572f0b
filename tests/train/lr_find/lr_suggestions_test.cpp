#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/train/lr_find/lr_find.h"
#include "tests/support/golden.h"

namespace margay::train {
namespace {

/// The golden values of learning-rate sweeps. Python writes NaN where JSON has no word; here it is null.
inline nlohmann::json golden_sweeps() {
  std::ifstream file(testing_support::golden_path("lr_find.json"));
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  for (std::size_t at = text.find("NaN"); at != std::string::npos; at = text.find("NaN", at))
    text.replace(at, 3, "null");
  return nlohmann::json::parse(text);
}

/// fastai smooths in float32.
constexpr double kSmoothTolerance = 2e-6;

/// The losses whose smoothing is `smooth`.
std::vector<double> unsmoothed(const std::vector<double>& smooth) {
  constexpr double kBeta = 0.98;
  std::vector<double> raw;
  double sum_before = 0;
  for (std::size_t i = 0; i < smooth.size(); ++i) {
    const double sum = smooth[i] * (1 - std::pow(kBeta, static_cast<double>(i + 1)));
    raw.push_back((sum - kBeta * sum_before) / (1 - kBeta));
    sum_before = sum;
  }
  return raw;
}

/// Feeds losses until the sweep ends or they do; the number of steps taken.
std::int64_t steps_until_over(LrSweep& sweep, const std::vector<double>& losses) {
  std::int64_t step = 0;
  for (const double loss : losses) {
    if (sweep.add(step++, loss)) break;
  }
  return step;
}

TEST(LrSweep, GrowsExponentiallyAsFastaisDoes) {
  MARGAY_REQUIRE_GOLDEN("lr_find.json");
  const auto lrs = golden_sweeps()["lrs_start1e-7_end10_it100"].get<std::vector<double>>();
  const LrSweep sweep;
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    EXPECT_NEAR(sweep.lr_at(static_cast<std::int64_t>(i)), lrs[i], lrs[i] * 1e-12);
  }
}

TEST(LrSweep, SmoothsAsFastaiDoes) {
  MARGAY_REQUIRE_GOLDEN("lr_find.json");
  const auto values = golden_sweeps()["smooth_loss_beta0.98"];
  LrSweep sweep;
  const auto raw = values["raw"].get<std::vector<double>>();
  EXPECT_EQ(steps_until_over(sweep, raw), 60);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const auto expected = values["smoothed"][i].get<double>();
    EXPECT_NEAR(sweep.curve().losses[i], expected, expected * kSmoothTolerance);
  }
}

TEST(LrSweep, RepeatsAWholeRunOfFastais) {
  MARGAY_REQUIRE_GOLDEN("lr_find.json");
  const auto run = golden_sweeps()["loop_lr_find_tiny"];
  const auto losses = run["losses"].get<std::vector<double>>();
  LrSweep sweep;
  std::vector<double> raw = unsmoothed(losses);
  raw.push_back(1);  // must not be asked for
  EXPECT_EQ(steps_until_over(sweep, raw), run["n"].get<std::int64_t>());
  ASSERT_EQ(sweep.curve().losses.size(), losses.size());
  for (std::size_t i = 0; i < losses.size(); ++i) {
    EXPECT_NEAR(sweep.curve().lrs[i], run["lrs"][i].get<double>(), run["lrs"][i].get<double>() * 1e-12);
    EXPECT_NEAR(sweep.curve().losses[i], losses[i], losses[i] * 1e-9);
  }
}

TEST(LrSweep, StopsWhereTheLossIsFourTimesItsLowest) {
  const std::vector<double> smooth = {2, 1, 0.5, 1, 1.9, 2, 2.1, 2.2};
  LrSweep sweep;
  EXPECT_EQ(steps_until_over(sweep, unsmoothed(smooth)), 7);
  EXPECT_NEAR(sweep.curve().losses.back(), 2.1, 1e-12);  // the step that diverged is part of the curve
  LrSweep without(LrSweepOptions{.num_it = 8, .stop_div = false});
  EXPECT_EQ(steps_until_over(without, unsmoothed(smooth)), 8);
}

TEST(LrSweep, EndsBeforeALossThatIsNoNumber) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()}) {
    LrSweep sweep({.stop_div = false});
    EXPECT_FALSE(sweep.add(0, 1));
    EXPECT_FALSE(sweep.add(1, 1));
    EXPECT_TRUE(sweep.add(2, bad));
    EXPECT_EQ(sweep.curve().lrs.size(), 2U);
    EXPECT_EQ(sweep.curve().losses.size(), 2U);
  }
}

TEST(LrSweep, RefusesAnImpossibleRangeAndAStrangeOrder) {
  EXPECT_THROW(LrSweep({.start_lr = 1, .end_lr = 1}), std::invalid_argument);
  EXPECT_THROW(LrSweep({.start_lr = -1}), std::invalid_argument);
  EXPECT_THROW(LrSweep({.num_it = 5}), std::invalid_argument);
  LrSweep sweep;
  EXPECT_THROW(sweep.add(1, 1), std::invalid_argument);
}

constexpr std::int64_t kNumIt = 100;

/// fastai gives its rates in float32.
constexpr double kSuggestionTolerance = 1e-6;

std::map<std::string, double> suggested(const LrCurve& curve, std::int64_t num_it = kNumIt) {
  std::map<std::string, double> lrs;
  for (const LrSuggestion& each : lr_suggestions(curve, num_it)) lrs[each.name] = each.lr;
  return lrs;
}

LrCurve curve_of(const std::vector<double>& losses) {
  LrCurve curve{.lrs = {}, .losses = losses};
  for (std::size_t i = 0; i < losses.size(); ++i) {
    curve.lrs.push_back(1e-7 * std::pow(1e8, static_cast<double>(i) / kNumIt));
  }
  return curve;
}

LrCurve curve_of(const nlohmann::json& golden_case) {
  LrCurve curve;
  for (const auto& lr : golden_case["lrs"]) curve.lrs.push_back(lr.get<double>());
  for (const auto& loss : golden_case["losses"]) {
    curve.losses.push_back(loss.is_number() ? loss.get<double>() : std::numeric_limits<double>::quiet_NaN());
  }
  return curve;
}

void expect_near(const std::map<std::string, double>& lrs, const std::string& rule, double expected,
                 const std::string& key) {
  ASSERT_TRUE(lrs.contains(rule)) << key << " " << rule;
  EXPECT_NEAR(lrs.at(rule), expected, expected * kSuggestionTolerance) << key << " " << rule;
}

class LrSuggestions : public testing::TestWithParam<const char*> {};

TEST_P(LrSuggestions, AreFastais) {
  MARGAY_REQUIRE_GOLDEN("lr_find.json");
  const auto values = golden_sweeps()[GetParam()];
  const std::map<std::string, double> lrs = suggested(curve_of(values));
  for (const auto& [rule, expected] : values["suggest"].items()) {
    expect_near(lrs, rule, (expected.is_object() ? expected["lr"] : expected).get<double>(), GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, LrSuggestions,
                         testing::Values("typical_smooth", "typical_noisy", "early_stop_diverged", "bumpy_two_valleys",
                                         "flat_noise", "monotone_down", "nan_tail", "loop_lr_find_tiny"));

TEST(LrSuggestion, SaysItsRule) {
  const auto all = lr_suggestions(curve_of(std::vector<double>(40, 1)), kNumIt);
  ASSERT_EQ(all.size(), 1U);  // nothing falls; slide has its window
  EXPECT_EQ(all[0].name, "slide");
  EXPECT_FALSE(all[0].rule.empty());
}

TEST(LrSuggestion, IsAbsentWhereTheCurveIsTooShort) {
  EXPECT_TRUE(suggested({}).empty());
  const auto falling = [](std::size_t judged) {
    std::vector<double> losses(10 + judged + 5);
    for (std::size_t i = 0; i < losses.size(); ++i) losses[i] = 5 - 0.1 * static_cast<double>(i * i) / 10;
    return curve_of(losses);
  };
  EXPECT_TRUE(suggested(falling(0)).empty());
  EXPECT_TRUE(suggested(falling(1)).empty());
  EXPECT_EQ(suggested(falling(2)).count("valley"), 0U);
  EXPECT_EQ(suggested(falling(2)).size(), 2U);
  EXPECT_EQ(suggested(falling(3)).size(), 3U);
  EXPECT_EQ(suggested(falling(15)).size(), 3U);
  EXPECT_EQ(suggested(falling(16)).size(), 4U);
}

TEST(LrSuggestion, OfRisingLossIsNeitherValleyNorMinimumNorSlope) {
  std::vector<double> losses;
  for (int i = 0; i < 60; ++i) losses.push_back(1 + i * 0.1);
  const auto lrs = suggested(curve_of(losses));
  EXPECT_EQ(lrs.size(), 1U);
  EXPECT_TRUE(lrs.contains("slide"));
}

TEST(LrSuggestion, IsByHandThatOfATinyCurve) {
  // Of 6 planned steps nothing is skipped at the front, so 7 points are judged.
  LrCurve curve{.lrs = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048}, .losses = {9, 8, 7, 3, 2, 1, 5}};
  curve.losses.resize(12, 100);
  const auto lrs = suggested(curve, 6);
  EXPECT_NEAR(lrs.at("steep"), 4, 1e-9);
  EXPECT_NEAR(lrs.at("minimum"), 3.2, 1e-9);
  EXPECT_NEAR(lrs.at("valley"), 4, 1e-9);  // 6 long, ending at 5: -1 + 6/3 + 6/6 = 2
}

TEST(LrSuggestion, RefusesWhatIsNoCurve) {
  EXPECT_THROW(lr_suggestions({.lrs = {1, 2}, .losses = {1}}, kNumIt), std::invalid_argument);
  EXPECT_THROW(lr_suggestions({.lrs = {0, 1}, .losses = {1, 1}}, kNumIt), std::invalid_argument);
  EXPECT_THROW(lr_suggestions({.lrs = {2, 1}, .losses = {1, 1}}, kNumIt), std::invalid_argument);
}

RC_GTEST_PROP(LrSuggestionProperty, LiesWithinTheCurve, ()) {
  auto losses = *rc::gen::container<std::vector<double>>(
      rc::gen::map(rc::gen::inRange(0, 1000), [](int thousandths) { return 1 + thousandths * 1e-3; }));
  if (losses.size() > 5) losses[*rc::gen::inRange<std::size_t>(0, losses.size())] = std::nan("");
  const LrCurve curve = curve_of(losses);
  for (const LrSuggestion& each : lr_suggestions(curve, 6)) {
    RC_ASSERT(each.lr >= curve.lrs.front() / 10);
    RC_ASSERT(each.lr <= curve.lrs.back());
  }
}

}  // namespace

}  // namespace margay::train
