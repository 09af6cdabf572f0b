#include "margay/run/training_charts.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/chart/png.h"
#include "margay/chart/render.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/train/progress.h"

namespace margay::run {
namespace {

using chart::ChartSeries;
using chart::LineChart;

/// A loss that was high for a moment must not flatten the rest: the axis ends a little above the first smoothed losses.
constexpr double kHeadroom = 1.5;

ChartSeries training_losses(const train::Learner& learner) {
  ChartSeries series{.name = "training (smoothed)"};
  train::SmoothLoss smooth;
  for (const train::StepRecord& step : learner.steps()) {
    smooth.add(step.loss);
    series.y.push_back(smooth.value());
  }
  return series;
}

ChartSeries validation_losses(const train::Learner& learner) {
  ChartSeries series{.name = "validation"};
  for (const train::EpochRecord& record : learner.history()) {
    series.x.push_back(static_cast<double>(record.steps_so_far));
    series.y.push_back(record.valid_loss);
  }
  return series;
}

double lowest(const std::vector<double>& losses) { return *std::min_element(losses.begin(), losses.end()); }

/// Where the curve of a sweep is cut: it explodes at the end.
double upper_end(const train::LrCurve& curve) {
  const double first = curve.losses.front();
  return first + std::max(0.25 * std::abs(first), kHeadroom * (first - lowest(curve.losses)));
}

}  // namespace

std::vector<LineChart> training_charts(const train::Learner& learner) {
  ChartSeries rates{.name = "learning rate"};
  for (const train::StepRecord& step : learner.steps()) rates.y.push_back(step.lr);
  return {{.title = "Loss",
           .y = {.label = "loss"},
           .series = {training_losses(learner), validation_losses(learner)},
           .height_share = 2},
          {.title = "Learning rate of the head", .x = {.label = "step"}, .y = {.label = "rate"}, .series = {rates}}};
}

LineChart lr_find_chart(const train::LrFindResult& found) {
  const train::LrCurve& curve = found.curve;
  LineChart chart{.title = "Learning-rate finder",
                  .x = {.label = "learning rate", .scale = chart::AxisScale::kLog},
                  .y = {.label = "smoothed loss"},
                  .series = {{.name = "loss", .x = curve.lrs, .y = curve.losses}}};
  if (curve.losses.size() > 1) chart.y.high = upper_end(curve);
  for (const train::LrSuggestion& suggestion : found.suggestions) {
    const auto nearest = std::min_element(curve.lrs.begin(), curve.lrs.end(), [&](double a, double b) {
      return std::abs(std::log(a / suggestion.lr)) < std::abs(std::log(b / suggestion.lr));
    });
    const auto i = static_cast<std::size_t>(nearest - curve.lrs.begin());
    chart.marks.push_back({suggestion.name, suggestion.lr, curve.losses[i]});
  }
  return chart;
}

void check_chart_path(const std::filesystem::path& path) {
  if (path.extension() != ".svg" && path.extension() != ".png") {
    throw std::invalid_argument(fmt::format("[chart] '{}' is neither .svg nor .png", core::shown_path(path)));
  }
  if (!std::filesystem::is_directory(std::filesystem::absolute(path).parent_path())) {
    throw core::IoError(path, "its folder does not exist", ENOENT);
  }
  core::check_writable(path);
}

std::string write_chart(const std::vector<LineChart>& charts, const std::filesystem::path& path) {
  check_chart_path(path);
  const chart::Drawing drawing = chart::chart_drawing(charts);
  if (path.extension() != ".svg") return write_drawing(drawing, path);
  core::write_file_atomically(path, chart::drawing_svg(drawing));
  return {};
}

std::string write_drawing(const chart::Drawing& drawing, const std::filesystem::path& path) {
  const std::vector<std::uint8_t> png = chart::encode_png(chart::drawing_image(drawing));
  core::write_file_atomically(path, {reinterpret_cast<const char*>(png.data()), png.size()});
  const std::string warning = chart::font_warning(drawing);
  return warning.empty() ? "" : fmt::format("{}: {}", core::shown_path(path), warning);
}

namespace {

double epoch_value(const RunEpoch& epoch, const std::string& name) {
  if (name == "train_loss") return epoch.train_loss;
  if (name == "valid_loss") return epoch.valid_loss;
  for (const auto& [metric, value] : epoch.metrics) {
    if (metric == name) return value;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

chart::ChartSeries curve(const RunRecord& run, const std::string& name, const std::string& legend) {
  chart::ChartSeries series{.name = legend};
  for (const RunEpoch& epoch : run.epochs) {
    series.x.push_back(static_cast<double>(series.x.size() + 1));
    series.y.push_back(epoch_value(epoch, name));
  }
  return series;
}

}  // namespace

chart::LineChart run_chart(const RunRecord& run) {
  return {.title = run.name,
          .x = {.label = "epoch"},
          .y = {.label = "loss"},
          .series = {curve(run, "train_loss", "training"), curve(run, "valid_loss", "validation")}};
}

chart::LineChart overlaid_chart(const std::vector<ChosenRuns>& chosen, const std::optional<std::string>& metric) {
  const std::string name = metric.value_or("valid_loss");
  chart::LineChart chart{.title = name, .x = {.label = "epoch"}, .y = {.label = name}};
  for (const ChosenRuns& each : chosen) {
    for (const RunRecord& run : each.runs) {
      const bool is_repeat = each.runs.size() > 1;
      chart.series.push_back(curve(run, name, is_repeat ? fmt::format("{}, seed {}", each.text, run.seed) : each.text));
    }
  }
  return chart;
}

}  // namespace margay::run
