#include "margay/predict/calibration.h"

#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <torch/types.h>

#include "margay/predict/predictions.h"

namespace margay::predict {
namespace {

torch::Tensor drawn_logits(std::int64_t images, std::int64_t classes) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const double spread = std::pow(10, *rc::gen::inRange(-2, 3));
  return spread * torch::randn({images, classes}, at::detail::createCPUGenerator(seed));
}

double drawn_temperature() { return std::pow(10, *rc::gen::inRange(-2000, 2001) / 1000.0); }

RC_GTEST_PROP(CalibrationProperty, NeverChangesThePrediction, ()) {
  const torch::Tensor logits = drawn_logits(20, 1 + *rc::gen::inRange(1, 30));
  Predictions raw;
  raw.set_logits(logits, metric::Activation::kSoftmax);
  Predictions calibrated;
  calibrated.set_logits(logits, metric::Activation::kSoftmax, drawn_temperature());
  RC_ASSERT(calibrated.logits.equal(raw.logits));
  const torch::Tensor best = logits.argmax(1, true);
  // It is among the most probable ones also where probabilities round to the same number.
  RC_ASSERT(calibrated.probabilities.gather(1, best).equal(std::get<0>(calibrated.probabilities.max(1, true))));
}

RC_GTEST_PROP(CalibrationProperty, NeverChangesTheDecisionsOfSeveralLabels, ()) {
  const Calibration calibration{.temperature = drawn_temperature()};
  const double threshold = *rc::gen::inRange(1, 1000) / 1000.0;
  const torch::Tensor logits = drawn_logits(20, 5).to(torch::kDouble);
  const torch::Tensor is_at_border = (logits - std::log(threshold / (1 - threshold))).abs() < 1e-9 * (1 + logits.abs());
  const torch::Tensor moved = calibration.scaled(logits).sigmoid() > calibration.moved_threshold(threshold);
  const torch::Tensor is_saturated = calibration.scaled(logits).abs() > 30;  // sigmoids that round to 0 or 1
  RC_ASSERT(((moved == label_decisions(logits, threshold)) | is_at_border | is_saturated).all().item<bool>());
}

TEST(Calibration, MovesThresholdsByTheirLogit) {
  const Calibration calibration{.temperature = 2};
  EXPECT_EQ(calibration.moved_threshold(0.5), 0.5);
  EXPECT_EQ(calibration.moved_threshold(0), 0);
  EXPECT_EQ(calibration.moved_threshold(1), 1);
  EXPECT_NEAR(calibration.moved_threshold(0.9), 0.75, 1e-12);  // odds 9 become √9
  EXPECT_EQ(Calibration{}.moved_threshold(0.3), 0.3);
  EXPECT_THROW(calibration.moved_threshold(1.5), std::invalid_argument);
  EXPECT_THROW(calibration.moved_threshold(std::nan("")), std::invalid_argument);
}

TEST(Calibration, LeavesLogitsAloneAtTemperatureOne) {
  const torch::Tensor logits = torch::randn({2, 3});
  EXPECT_EQ(Calibration{}.scaled(logits).data_ptr(), logits.data_ptr());
  EXPECT_TRUE(Calibration{.temperature = 2}.scaled(logits).equal(logits / 2));
}

TEST(LabelDecisions, AreThoseOfTheSigmoids) {
  const torch::Tensor logits = torch::tensor({{-1.0F, 0.0F, 0.1F}});
  EXPECT_TRUE(label_decisions(logits, 0.5).equal(torch::tensor({{false, false, true}})));
  EXPECT_TRUE(label_decisions(logits, 0.2).all().item<bool>());
  EXPECT_THROW(label_decisions(logits, -0.1), std::invalid_argument);
}

TEST(SetLogits, CalibratesProbabilitiesAndLosses) {
  Predictions predictions;
  predictions.targets = torch::tensor({0, 1});
  const torch::Tensor logits = torch::tensor({{2 * std::log(3.0F), 0.0F}, {0.0F, 0.0F}});
  predictions.set_logits(logits, metric::Activation::kSoftmax, 2);
  EXPECT_EQ(predictions.temperature, 2);
  EXPECT_TRUE(predictions.logits.equal(logits));
  EXPECT_NEAR(predictions.probabilities[0][0].item<double>(), 0.75, 1e-6);
  EXPECT_NEAR(predictions.losses[0].item<double>(), -std::log(0.75), 1e-6);
  for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    EXPECT_THROW(predictions.set_logits(logits, metric::Activation::kSoftmax, bad), std::invalid_argument);
  }
}

}  // namespace
}  // namespace margay::predict
