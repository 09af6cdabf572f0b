#pragma once

#include "margay/chart/line_chart.h"
#include "margay/interpret/calibration_quality.h"

namespace margay::interpret {

/// The reliability diagram (DeGroot and Fienberg 1983): the share of hits of each bin over its mean confidence, with
/// the diagonal where both are equal. after: nullptr for one curve.
chart::LineChart reliability_chart(const CalibrationQuality& before, const CalibrationQuality* after = nullptr);

/// Error over coverage (RiskCoverage).
chart::LineChart risk_coverage_chart(const CalibrationQuality& before, const CalibrationQuality* after = nullptr);

}  // namespace margay::interpret
