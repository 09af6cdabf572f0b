#include "margay/interpret/risk_coverage.h"

#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

namespace margay::interpret {
namespace {

torch::Tensor doubles(const std::vector<double>& values) { return torch::tensor(values, torch::kDouble); }

TEST(RiskCoverage, IsTheErrorOfTheSurest) {
  const RiskCoverage curve = risk_coverage(doubles({0.6, 0.9, 0.7, 0.8}), doubles({1, 0, 1, 0}));
  EXPECT_EQ(curve.coverage, (std::vector<double>{0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(curve.risk, (std::vector<double>{0, 0, 1.0 / 3, 0.5}));
  EXPECT_DOUBLE_EQ(curve.aurc.value, (1.0 / 3 + 0.5) / 4);
  EXPECT_DOUBLE_EQ(curve.best_aurc, curve.aurc.value);
  EXPECT_EQ(curve.coverage_at(0.1), 0.5);
  EXPECT_EQ(curve.coverage_at(0.5), 1);
  EXPECT_FALSE(curve.aurc.interval.is_known());
}

TEST(RiskCoverage, SpreadsErrorsOverEqualConfidences) {
  const RiskCoverage curve = risk_coverage(doubles({0.5, 0.5, 0.5, 0.5}), doubles({1, 0, 0, 1}));
  for (const double risk : curve.risk) EXPECT_EQ(risk, 0.5);
  EXPECT_EQ(curve.aurc.value, 0.5);
}

TEST(RiskCoverage, OfWrongPredictionsHasNoCoverageWithoutRisk) {
  const RiskCoverage curve = risk_coverage(doubles({0.5, 0.6}), doubles({1, 1}));
  EXPECT_EQ(curve.coverage_at(0.9), 0);
  EXPECT_EQ(curve.aurc.value, 1);
}

TEST(RiskCoverage, HasAtMostTwoHundredPointsThatEndAtAllImages) {
  const RiskCoverage curve = risk_coverage(torch::rand({1'003}, torch::kDouble), torch::zeros({1'003}, torch::kDouble));
  EXPECT_EQ(curve.coverage.size(), 200U);
  EXPECT_EQ(curve.coverage.back(), 1);
}

TEST(RiskCoverage, DrawsTheCasesOfAnImageTogether) {
  const torch::Tensor confidences = torch::linspace(0.5, 1, 60, torch::kDouble);
  const torch::Tensor errors = (torch::arange(60) % 3 == 0).to(torch::kDouble);
  const metric::Resamples images(60, {});
  const RiskCoverage alone = risk_coverage(confidences, errors, &images);
  EXPECT_LT(alone.aurc.interval.low, alone.aurc.value);
  EXPECT_GT(alone.aurc.interval.high, alone.aurc.value);
  const metric::Resamples thirds(20, {});
  const RiskCoverage of_cases = risk_coverage(confidences, errors, &thirds);  // each image has one error
  EXPECT_LT(of_cases.aurc.interval.high - of_cases.aurc.interval.low,
            alone.aurc.interval.high - alone.aurc.interval.low);
}

TEST(RiskCoverage, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(risk_coverage(doubles({}), doubles({})), std::invalid_argument);
  EXPECT_THROW(risk_coverage(doubles({1}), doubles({1, 0})), std::invalid_argument);
  const metric::Resamples two(2, {});
  EXPECT_THROW(risk_coverage(doubles({1, 0, 0}), doubles({1, 0, 0}), &two), std::invalid_argument);
}

}  // namespace
}  // namespace margay::interpret
