#include "apps/studio/runs_view.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/chart/curve_points.h"
#include "margay/run/compared_runs.h"

namespace margay::studio {
namespace {

using Json = nlohmann::ordered_json;
using run::RunRecord;
using run::WatchedRun;

/// Of runs of 100,000 steps each holds 6 MB.
constexpr std::size_t kMostLogs = 16;
constexpr std::chrono::seconds kLongestGrowth{10};  ///< that is not told

/// NaN, infinity and what is absent are null.
Json number_json(std::optional<double> value) { return value && std::isfinite(*value) ? Json(*value) : Json(nullptr); }

Json text_at(const Json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_string() ? *found : Json(nullptr);
}

std::optional<double> value_of(const run::RunEpoch& epoch, const std::string& metric) {
  if (metric == "train_loss") return epoch.train_loss;
  if (metric == "valid_loss") return epoch.valid_loss;
  for (const auto& [name, value] : epoch.metrics) {
    if (name == metric) return value;
  }
  return std::nullopt;
}

/// One value an epoch, for the small curve in the list.
Json values_over_epochs(const RunRecord& record, const std::string& metric) {
  Json values = Json::array();
  for (const run::RunEpoch& epoch : record.epochs) values.push_back(number_json(value_of(epoch, metric)));
  return values;
}

Json summary_json(const WatchedRun& run) {
  const RunRecord& record = run.record;
  const std::string metric = record.main_metric();
  return {{"folder", record.folder},
          {"name", record.name},
          {"group", record.group},
          {"kind", core::to_text(record.kind())},
          {"status", core::to_text(record.status)},
          {"message", record.message},
          {"started", record.started},
          {"ended", record.ended},
          {"seconds", number_json(record.seconds())},
          {"seed", record.seed},
          {"arch", text_at(record.config, "arch")},
          {"epochs", record.epochs.size()},
          {"valid_images", record.valid_images ? Json(*record.valid_images) : Json(nullptr)},
          {"valid_loss", number_json(record.last("valid_loss"))},
          {"metric", metric},
          {"value", number_json(record.last(metric))},
          {"standard_error", number_json(record.standard_error(metric))},
          {"over_epochs", values_over_epochs(record, metric)},
          {"problems", run.problems}};
}

Json epochs_json(const RunRecord& record) {
  Json epochs = Json::array();
  for (const run::RunEpoch& epoch : record.epochs) {
    Json metrics = Json::object();
    for (const auto& [name, value] : epoch.metrics) metrics[name] = number_json(value);
    epochs.push_back({{"stage", epoch.stage},
                      {"epoch", epoch.epoch},
                      {"train_loss", number_json(epoch.train_loss)},
                      {"valid_loss", number_json(epoch.valid_loss)},
                      {"metrics", metrics},
                      {"seconds", number_json(epoch.seconds)}});
  }
  return epochs;
}

Json settings_json(const std::vector<run::SettingDifference>& settings) {
  Json json = Json::array();
  for (const run::SettingDifference& each : settings) {
    json.push_back({{"setting", each.key}, {"default", each.a.value_or(nullptr)}, {"value", each.b.value_or(nullptr)}});
  }
  return json;
}

/// A curve's points in the units of the axis.
struct AxisCurve {
  std::vector<double> x;
  std::vector<double> y;
};

/// When each step ended, in seconds since the beginning: as the log says, or for logs of earlier versions by the
/// epochs' own times, in each of which the steps are taken to be equally long.
std::vector<double> seconds_of_steps(const run::StepLog& log) {
  std::vector<double> seconds = log.times();
  if (!seconds.empty() && std::isfinite(seconds.front())) {
    const double begin = seconds.front();
    for (double& each : seconds) each -= begin;
    return seconds;
  }
  std::size_t at = 0;
  double epoch_begin = 0;
  double first_step = 0;
  double per_step = 0;
  for (const run::StepLog::Epoch& epoch : log.epochs()) {
    if (!std::isfinite(epoch.seconds) || epoch.step <= first_step) continue;
    per_step = epoch.seconds / (epoch.step - first_step);
    for (; at < seconds.size() && log.steps()[at] <= epoch.step; ++at) {
      seconds[at] = epoch_begin + per_step * (log.steps()[at] - first_step);
    }
    epoch_begin += epoch.seconds;
    first_step = epoch.step;
  }
  for (; at < seconds.size(); ++at) seconds[at] = epoch_begin + per_step * (log.steps()[at] - first_step);
  return seconds;
}

/// The place of a step on the axis, between the steps that are there.
double x_of_step(double step, const std::vector<double>& steps, const std::vector<double>& x) {
  const auto after = std::lower_bound(steps.begin(), steps.end(), step);
  if (after == steps.end()) return x.empty() ? step : x.back();
  return x[static_cast<std::size_t>(after - steps.begin())];
}

std::optional<AxisCurve> curve_of(const run::StepLog& log, const std::string& name, const std::vector<double>& x) {
  if (const std::vector<double>* values = log.curve(name)) return AxisCurve{x, *values};
  AxisCurve curve;
  for (const run::StepLog::Epoch& epoch : log.epochs()) {
    const auto found = std::find_if(epoch.numbers.begin(), epoch.numbers.end(),
                                    [&](const auto& number) { return number.first == name; });
    if (found == epoch.numbers.end()) continue;
    curve.x.push_back(x_of_step(epoch.step, log.steps(), x));
    curve.y.push_back(found->second);
  }
  return curve.x.empty() ? std::nullopt : std::optional(std::move(curve));
}

/// Single precision is what a drawing can show, and half as long.
void append_numbers(std::string& text, const std::vector<double>& values, const std::vector<std::size_t>& which) {
  const char* separator = "[";
  for (const std::size_t i : which) {
    text += separator;
    separator = ",";
    if (std::isfinite(values[i])) {
      fmt::format_to(std::back_inserter(text), "{}", static_cast<float>(values[i]));
    } else {
      text += "null";
    }
  }
  text += which.empty() ? "[]" : "]";
}

void append_curve(std::string& text, const std::string& folder, const std::string& name, const AxisCurve& curve,
                  const CurveWindow& window) {
  const double end = curve.x.empty() ? 1 : curve.x.back();
  const double low = window.low < window.high ? window.low : 0;
  const double high = window.low < window.high ? window.high : std::max(end, low + 1);
  const std::vector<std::size_t> points = chart::visible_points(curve.x, curve.y, low, high, window.columns);
  text += fmt::format(R"({{"folder":{},"name":{},"points":{},"end":{},"x":)", Json(folder).dump(), Json(name).dump(),
                      curve.x.size(), end);
  append_numbers(text, curve.x, points);
  text += ",\"y\":";
  append_numbers(text, curve.y, points);
  text += "}";
}

}  // namespace

bool GrowthPace::tells(const std::string& run, Clock::time_point now) {
  Told& told = runs_.try_emplace(run, Told{now, now}).first->second;
  const Clock::duration pause = std::min<Clock::duration>((told.last - told.first) / 4, kLongestGrowth);
  if (now - told.last < pause) return false;
  told.last = now;
  return true;
}

/// Requests look, too, so that they see the newest. Would they tell, a page that asks because it was told would be told
/// again by its own question for as long as a training writes.
void RunsView::refresh() {
  run::RunChanges changes = watch_.look();
  const std::scoped_lock lock(untold_mutex_);
  untold_runs_.insert(changes.runs.begin(), changes.runs.end());
  untold_steps_.insert(changes.steps.begin(), changes.steps.end());
}

void RunsView::look() {
  refresh();
  const std::scoped_lock lock(untold_mutex_);
  const GrowthPace::Clock::time_point now = GrowthPace::Clock::now();
  std::set<std::string> runs;
  std::erase_if(untold_runs_, [&](const std::string& folder) {
    if (only_grows(folder) && !pace_.tells(folder, now)) return false;
    untold_steps_.erase(folder);
    runs.insert(folder);
    return true;
  });
  std::set<std::string> steps;
  std::erase_if(untold_steps_, [&](const std::string& folder) {
    if (untold_runs_.contains(folder) || !pace_.tells(folder, now)) return false;
    steps.insert(folder);
    return true;
  });
  if (!runs.empty()) changes_.publish("runs", {{"folders", runs}});
  if (!steps.empty()) changes_.publish("steps", {{"folders", steps}});
}

/// Whether the run was told of as running, and still runs.
bool RunsView::only_grows(const std::string& folder) {
  const std::optional<run::RunStatus> status = watch_.status(folder);
  const auto told = told_.find(folder);
  if (told != told_.end() && status == told->second) return status == run::RunStatus::kRunning;
  pace_.forget(folder);
  if (status) {
    told_[folder] = *status;
  } else {
    told_.erase(folder);
  }
  return false;
}

Json RunsView::list() {
  refresh();
  Json runs = Json::array();
  for (const WatchedRun& run : watch_.all()) runs.push_back(summary_json(run));
  std::error_code none;
  return {{"folder", watch_.runs().string()},
          {"is_there", std::filesystem::is_directory(watch_.runs(), none)},
          {"runs", std::move(runs)}};
}

Json RunsView::run(const std::string& folder) {
  refresh();
  const WatchedRun run = watch_.run(folder);
  Json json = summary_json(run);
  const std::filesystem::path path = watch_.runs() / folder;
  std::error_code none;
  json["path"] = path.string();
  json["has_model"] = std::filesystem::exists(path / "model.margay", none);
  json["has_checkpoint"] = std::filesystem::is_directory(path / "checkpoints", none) &&
                           !std::filesystem::is_empty(path / "checkpoints", none);
  json["saved_epoch"] = run.record.saved_epoch ? Json(*run.record.saved_epoch) : Json(nullptr);
  json["epochs"] = epochs_json(run.record);
  json["changed_settings"] = settings_json(run::changed_settings(run.record));
  const std::shared_ptr<KeptLog> kept = log_of(folder);
  const std::scoped_lock lock(kept->mutex);
  kept->log.refresh();
  json["steps"] = kept->log.steps().empty() ? 0 : kept->log.steps().back();
  json["curves"] = kept->log.names();
  json["broken_lines"] = kept->log.broken_lines();
  json["stages"] = Json::array();
  for (const auto& stage : kept->log.stages()) json["stages"].push_back({{"step", stage.step}, {"name", stage.name}});
  return json;
}

std::string RunsView::curves(const CurveWindow& window) {
  refresh();
  std::string text = "{\"curves\":[";
  Json steps = Json::object();
  const char* separator = "";
  for (const std::string& folder : window.folders) {
    watch_.run(folder);
    const std::shared_ptr<KeptLog> kept = log_of(folder);
    const std::scoped_lock lock(kept->mutex);
    kept->log.refresh();
    steps[folder] = kept->log.steps().empty() ? 0 : kept->log.steps().back();
    const bool has_steps = window.axis == CurveWindow::Axis::kSteps;
    const std::vector<double> x = has_steps ? kept->log.steps() : seconds_of_steps(kept->log);
    for (const std::string& name : window.names) {
      const std::optional<AxisCurve> curve = curve_of(kept->log, name, x);
      if (!curve) continue;
      text += separator;
      separator = ",";
      append_curve(text, folder, name, *curve, window);
    }
  }
  return text + "],\"steps\":" + steps.dump() + "}";
}

std::shared_ptr<RunsView::KeptLog> RunsView::log_of(const std::string& folder) {
  const std::scoped_lock lock(logs_mutex_);
  const auto found = std::find_if(logs_.begin(), logs_.end(), [&](const auto& each) { return each.first == folder; });
  if (found != logs_.end()) {
    logs_.splice(logs_.begin(), logs_, found);
  } else {
    logs_.emplace_front(folder, std::make_shared<KeptLog>(watch_.runs() / folder / "steps.jsonl"));
    if (logs_.size() > kMostLogs) logs_.pop_back();
  }
  return logs_.front().second;
}

Json RunsView::compared(const std::vector<std::string>& folders, const std::string& metric) {
  refresh();
  std::vector<run::ChosenRuns> chosen;
  for (const std::string& folder : folders) {
    const RunRecord record = watch_.run(folder).record;
    const auto same = std::find_if(chosen.begin(), chosen.end(), [&](const run::ChosenRuns& each) {
      return !record.group.empty() && each.runs.front().group == record.group;
    });
    if (same == chosen.end()) {
      chosen.push_back({.text = record.folder, .runs = {record}});
    } else {
      same->text = record.group;
      same->runs.push_back(record);
    }
  }
  Json json = Json::object();
  if (chosen.size() > 1) {
    json = run::to_json(run::compare_chosen(chosen, metric.empty() ? std::nullopt : std::optional(metric)));
  }
  json["results"] = Json::array();
  for (const run::ChosenRuns& each : chosen) json["results"].push_back(each.text);
  json["settings"] = Json::array();
  for (const run::DifferingSetting& setting : run::differing_settings(chosen)) {
    Json values = Json::array();
    for (const std::optional<Json>& value : setting.values) values.push_back(value.value_or(nullptr));
    json["settings"].push_back({{"setting", setting.key}, {"values", std::move(values)}});
  }
  return json;
}

}  // namespace margay::studio
