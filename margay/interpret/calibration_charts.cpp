#include "margay/interpret/calibration_charts.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace margay::interpret {
namespace {

chart::ChartSeries reliability_series(const std::string& name, const CalibrationQuality& quality) {
  chart::ChartSeries series{.name = fmt::format("{} (ECE {:.4f})", name, quality.ece.error.value)};
  for (const ReliabilityBin& bin : quality.bins) {
    if (bin.count == 0) continue;
    series.x.push_back(bin.confidence);
    series.y.push_back(bin.accuracy);
  }
  return series;
}

chart::ChartSeries risk_series(const std::string& name, const CalibrationQuality& quality) {
  return {.name = fmt::format("{} (AURC {:.4f})", name, quality.risk_coverage.aurc.value),
          .x = quality.risk_coverage.coverage,
          .y = quality.risk_coverage.risk};
}

}  // namespace

chart::LineChart reliability_chart(const CalibrationQuality& before, const CalibrationQuality* after) {
  chart::LineChart chart{.title = "Reliability",
                         .x = {.label = "mean probability of the bin", .low = 0, .high = 1},
                         .y = {.label = "share that is right", .low = 0, .high = 1},
                         .series = {reliability_series(after == nullptr ? "model" : "before", before)}};
  if (after != nullptr) chart.series.push_back(reliability_series("after", *after));
  chart.series.push_back({.name = "perfect", .x = {0, 1}, .y = {0, 1}});
  return chart;
}

chart::LineChart risk_coverage_chart(const CalibrationQuality& before, const CalibrationQuality* after) {
  chart::LineChart chart{.title = "Error of the surest predictions",
                         .x = {.label = "coverage: share of images that get a prediction", .low = 0, .high = 1},
                         .y = {.label = "error among them", .low = 0},
                         .series = {risk_series(after == nullptr ? "model" : "before", before)}};
  if (after != nullptr) chart.series.push_back(risk_series("after", *after));
  return chart;
}

}  // namespace margay::interpret
