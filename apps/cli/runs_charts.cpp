#include "apps/cli/runs_charts.h"

#include <limits>

#include <fmt/format.h>

namespace margay::cli {
namespace {

double epoch_value(const train::RunEpoch& epoch, const std::string& name) {
  if (name == "train_loss") return epoch.train_loss;
  if (name == "valid_loss") return epoch.valid_loss;
  for (const auto& [metric, value] : epoch.metrics) {
    if (metric == name) return value;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

chart::ChartSeries curve(const train::RunRecord& run, const std::string& name, const std::string& legend) {
  chart::ChartSeries series{.name = legend};
  for (const train::RunEpoch& epoch : run.epochs) {
    series.x.push_back(static_cast<double>(series.x.size() + 1));
    series.y.push_back(epoch_value(epoch, name));
  }
  return series;
}

}  // namespace

chart::LineChart run_chart(const train::RunRecord& run) {
  return {.title = run.name,
          .x = {.label = "epoch"},
          .y = {.label = "loss"},
          .series = {curve(run, "train_loss", "training"), curve(run, "valid_loss", "validation")}};
}

chart::LineChart overlaid_chart(const std::vector<ChosenRuns>& chosen, const std::optional<std::string>& metric) {
  const std::string name = metric.value_or("valid_loss");
  chart::LineChart chart{.title = name, .x = {.label = "epoch"}, .y = {.label = name}};
  for (const ChosenRuns& each : chosen) {
    for (const train::RunRecord& run : each.runs) {
      const bool is_repeat = each.runs.size() > 1;
      chart.series.push_back(curve(run, name, is_repeat ? fmt::format("{}, seed {}", each.text, run.seed) : each.text));
    }
  }
  return chart;
}

}  // namespace margay::cli
