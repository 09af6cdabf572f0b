#include "margay/train/lr_find/lr_suggestions.h"

#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/golden.h"
#include "tests/train/lr_find/golden_sweeps.h"

namespace margay::train {
namespace {

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
