#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/interpret/loss_anatomy.h"
#include "tests/support/golden.h"
#include "tests/support/special_numbers.h"
#include "tests/support/thrown_message.h"

namespace margay::interpret {
namespace {

using GoldenJson = nlohmann::json;
using testing_support::thrown_message;

double anatomy_number(const GoldenJson& value) {
  if (value.is_number()) return value.get<double>();
  return value.get<std::string>() == "inf" ? kInfinity : -kInfinity;
}

std::vector<double> anatomy_numbers(const GoldenJson& list) {
  std::vector<double> numbers;
  for (const GoldenJson& value : list) numbers.push_back(anatomy_number(value));
  return numbers;
}

/// Relative above 1, absolute below; infinite numbers must be equal.
void expect_anatomy(const std::vector<double>& numbers, const std::vector<double>& wanted, const std::string& what) {
  ASSERT_EQ(numbers.size(), wanted.size()) << what;
  for (std::size_t k = 0; k < numbers.size(); ++k) {
    if (std::isinf(wanted[k])) {
      EXPECT_EQ(numbers[k], wanted[k]) << what << " of class " << k;
    } else {
      EXPECT_NEAR(numbers[k], wanted[k], 1e-12 * std::max(1.0, std::abs(wanted[k]))) << what << " of class " << k;
    }
  }
}

LossAnatomy anatomy_of(const GoldenJson& one) {
  std::optional<std::vector<std::int64_t>> targets;
  if (!one.at("targets").is_null()) targets = one.at("targets").get<std::vector<std::int64_t>>();
  return loss_anatomy(
      anatomy_numbers(one.at("logits")), targets,
      {.activation = one.at("kind") == "softmax" ? metric::Activation::kSoftmax : metric::Activation::kSigmoid,
       .temperature = one.at("temperature"),
       .label_smoothing = one.at("smoothing")});
}

TEST(LossAnatomy, IsWhatTheFormulasGiveInSixtyDigits) {
  // Written by loss_anatomy.py in 60 digits; tests/web/parts.mjs holds the page to the same file.
  const GoldenJson& cases = testing_support::golden("loss_anatomy.json").at("cases");
  ASSERT_GT(cases.size(), 20U);
  for (const GoldenJson& one : cases) {
    SCOPED_TRACE(one.at("name").get<std::string>());
    const LossAnatomy anatomy = anatomy_of(one);
    expect_anatomy(anatomy.probability, anatomy_numbers(one.at("probability")), "p");
    expect_anatomy(anatomy.negative_log, anatomy_numbers(one.at("negative_log")), "-log p");
    if (one.contains("negative_log_not")) {
      expect_anatomy(anatomy.negative_log_not, anatomy_numbers(one.at("negative_log_not")), "-log(1 - p)");
    }
    ASSERT_EQ(anatomy.loss.has_value(), one.contains("loss"));
    if (!anatomy.loss) continue;
    expect_anatomy({*anatomy.loss}, {anatomy_number(one.at("loss"))}, "loss");
    expect_anatomy(anatomy.gradient, anatomy_numbers(one.at("gradient")), "gradient");
  }
}

std::string refusal_of(const std::vector<double>& logits, const std::optional<std::vector<std::int64_t>>& targets,
                       const LossAnatomyOptions& options = {}) {
  return thrown_message<std::invalid_argument>([&] { loss_anatomy(logits, targets, options); });
}

TEST(LossAnatomy, SaysWhichInputIsWrong) {
  EXPECT_EQ(refusal_of({}, {}), "[loss_anatomy] there must be a logit, got none");
  EXPECT_EQ(refusal_of({1, std::nan("")}, {}), "[loss_anatomy] logits must be finite or -inf, got nan for class 1");
  EXPECT_EQ(refusal_of({-kInfinity}, {}), "[loss_anatomy] every logit is -inf, so there is no softmax");
  EXPECT_EQ(refusal_of({1, 2}, {{0, 1}}), "[loss_anatomy] a softmax has exactly one target, got 2");
  EXPECT_EQ(refusal_of({1, 2}, {{2}}), "[loss_anatomy] target 2 is no class; 2 classes allow 0 to 1");
  EXPECT_EQ(refusal_of({1}, {}, {.temperature = 0}),
            "[loss_anatomy] temperature must be a finite number above 0, got 0");
  EXPECT_EQ(refusal_of({1}, {}, {.label_smoothing = 1.5}), "[loss_anatomy] label_smoothing must lie in 0 … 1, got 1.5");
}

}  // namespace
}  // namespace margay::interpret
