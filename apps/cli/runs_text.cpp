#include "apps/cli/runs_text.h"

#include <algorithm>
#include <cmath>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "margay/core/text.h"
#include "margay/core/utc_time.h"

namespace margay::cli {
namespace {

using Align = core::TextTable::Align;
using run::RunRecord;

constexpr const char* kNothing = "–";

std::string or_nothing(std::optional<double> number) { return number ? number_text(*number, 4) : kNothing; }

std::string local_time(const std::string& utc, const char* form) {
  const auto seconds = core::utc_seconds(utc);
  if (!seconds) return kNothing;
  return fmt::format(fmt::runtime(form), fmt::localtime(static_cast<std::time_t>(*seconds)));
}

std::string arch_of(const run::RunRecord& run) {
  const auto arch = run.config.find("arch");
  return arch != run.config.end() && arch->is_string() ? core::one_line(arch->get<std::string>()) : kNothing;
}

std::string with_error(std::optional<double> value, std::optional<double> error) {
  return error ? fmt::format("{} ± {}", or_nothing(value), number_text(*error, 4)) : or_nothing(value);
}

std::string result_text(const run::RunRecord& run, const std::string& metric) {
  return with_error(run.last(metric), run.standard_error(metric));
}

/// The metric that heads the column of results; "" where the runs have several.
std::string common_metric(const std::vector<run::RunRecord>& runs) {
  std::string common;
  for (const run::RunRecord& run : runs) {
    const std::string metric = run.main_metric();
    if (metric == "valid_loss") continue;  // it has a column of its own
    if (!common.empty() && common != metric) return "";
    common = metric;
  }
  return common;
}

std::string list_result(const run::RunRecord& run, const std::string& common) {
  const std::string metric = run.main_metric();
  if (metric == "valid_loss") return kNothing;
  return common.empty() ? fmt::format("{} {}", metric, result_text(run, metric)) : result_text(run, metric);
}

/// A probe has none.
std::string epochs_or_kind(const run::RunRecord& run) {
  return run.kind() == run::RunKind::kTraining ? std::to_string(run.epochs.size()) : core::to_text(run.kind());
}

std::string time_of(const run::RunRecord& run) {
  return std::isfinite(run.seconds()) ? clock_text(run.seconds()) : kNothing;
}

std::string value_text(const std::optional<nlohmann::ordered_json>& value) {
  if (!value) return kNothing;
  const std::string text = value->is_string() ? value->get<std::string>() : value->dump();
  return text.empty() ? "''" : core::one_line(text);
}

}  // namespace

std::string run_list_text(const std::vector<run::RunRecord>& runs) {
  const std::string metric = common_metric(runs);
  core::TextTable table({{"id"},
                         {"started", Align::kLeft},
                         {"name", Align::kLeft},
                         {"arch", Align::kLeft},
                         {"status", Align::kLeft},
                         {"epochs"},
                         {"valid_loss"},
                         {metric.empty() ? "result" : metric, Align::kLeft},
                         {"time"}});
  for (const run::RunRecord& run : runs) {
    table.add({run.id == 0 ? kNothing : std::to_string(run.id), local_time(run.started, "{:%Y-%m-%d %H:%M}"),
               core::one_line(run.name), arch_of(run), core::to_text(run.status), epochs_or_kind(run),
               or_nothing(run.last("valid_loss")), list_result(run, metric), time_of(run)});
  }
  return table.text();
}

std::string run_heading_text(const run::RunRecord& run) {
  constexpr const char* kTime = "{:%Y-%m-%d %H:%M:%S}";
  std::string text =
      fmt::format("{}\nfolder   {}\nseed     {}\n", core::one_line(run.name), core::spelled_out(run.folder), run.seed);
  if (run.kind() != run::RunKind::kTraining) text += fmt::format("kind     {}\n", core::to_text(run.kind()));
  if (!run.group.empty()) text += fmt::format("repeat   of {}\n", core::one_line(run.group));
  text += fmt::format("started  {}\n", local_time(run.started, kTime));
  if (!run.ended.empty()) {
    text += fmt::format("ended    {} (after {})\n", local_time(run.ended, kTime), time_of(run));
  }
  if (run.saved_epoch && run.result() != nullptr) {
    text += fmt::format("model    that of {}, epoch {}\n", core::one_line(run.result()->stage), run.result()->epoch);
  }
  text += fmt::format("status   {}{}\n", core::to_text(run.status),
                      run.message.empty() ? "" : ": " + core::one_line(program_words(run.message)));
  if (run.epochs.empty()) return text;
  const std::string metric = run.main_metric();
  text += fmt::format("result   {} {}", metric, result_text(run, metric));
  const bool is_of_valid = run.valid_images && run::is_share_of_images(metric);
  if (run.standard_error(metric)) {
    text += is_of_valid ? fmt::format(" (one standard error, {} images)", *run.valid_images) : " (one standard error)";
  }
  return text + "\n";
}

std::string run_settings_text(const run::RunRecord& run) {
  const auto settings = run::changed_settings(run);
  if (settings.empty()) return "Every setting is the default.\n";
  core::TextTable table({{"setting", Align::kLeft}, {"value", Align::kLeft}, {"default", Align::kLeft}});
  for (const auto& each : settings) table.add({each.key, value_text(each.b), value_text(each.a)});
  return table.text();
}

std::string run_epochs_text(const run::RunRecord& run) {
  if (run.epochs.empty()) return "";
  std::vector<core::TextTable::Column> columns = {{"stage", Align::kLeft}, {"epoch"}, {"train_loss"}, {"valid_loss"}};
  const auto& metrics = run.epochs.back().metrics;
  for (const auto& [name, value] : metrics) columns.push_back({name});
  columns.push_back({"seconds"});
  core::TextTable table(std::move(columns));
  for (const run::RunEpoch& epoch : run.epochs) {
    std::vector<std::string> cells = {epoch.stage, std::to_string(epoch.epoch), number_text(epoch.train_loss, 4),
                                      number_text(epoch.valid_loss, 4)};
    for (const auto& [name, unused] : metrics) {
      const auto found = std::find_if(epoch.metrics.begin(), epoch.metrics.end(),
                                      [&wanted = name](const auto& each) { return each.first == wanted; });
      cells.push_back(found == epoch.metrics.end() ? kNothing : number_text(found->second, 4));
    }
    cells.push_back(fmt::format("{:.1f}", epoch.seconds));
    table.add(std::move(cells));
  }
  return table.text();
}

std::string results_text(const std::vector<run::RunResult>& results) {
  core::TextTable table({{"run", Align::kLeft}, {"repeats"}, {"images"}, {results.front().metric, Align::kLeft}});
  for (const run::RunResult& result : results) {
    table.add({core::one_line(result.label), std::to_string(result.values.size()),
               result.valid_images ? std::to_string(*result.valid_images) : kNothing,
               with_error(result.mean(), result.standard_error())});
  }
  return table.text();
}

std::string compared_text(const run::ComparedRuns& compared) {
  std::string text = results_text(compared.results) + "\n";
  for (const auto& comparison : compared.comparisons) text += run::verdict(comparison) + ".\n";
  for (const std::string& caveat : compared.caveats) text += caveat + "\n";
  return text;
}

std::string difference_text(const std::vector<run::SettingDifference>& differences, const std::string& a,
                            const std::string& b) {
  if (differences.empty())
    return fmt::format("No setting of {} and {} differs.\n", core::one_line(a), core::one_line(b));
  core::TextTable table(
      {{"setting", Align::kLeft}, {core::one_line(a), Align::kLeft}, {core::one_line(b), Align::kLeft}});
  for (const auto& each : differences) table.add({each.key, value_text(each.a), value_text(each.b)});
  return table.text();
}

nlohmann::ordered_json run_summary_json(const run::RunRecord& run) {
  nlohmann::ordered_json json = run::to_json(run);
  const std::string metric = run.main_metric();
  const auto or_null = [](std::optional<double> value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
  };
  json.erase("config");
  json["arch"] = arch_of(run);
  json["epochs"] = run.epochs.size();
  json["valid_loss"] = or_null(run.last("valid_loss"));
  json["metric"] = metric;
  json["value"] = or_null(run.last(metric));
  json["standard_error"] = or_null(run.standard_error(metric));
  return json;
}

}  // namespace margay::cli
