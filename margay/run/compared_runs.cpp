#include "margay/run/compared_runs.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/options.h"
#include "margay/core/text.h"
#include "margay/run/probe_options.h"
#include "margay/run/train_options.h"

namespace margay::run {
namespace {

using Json = nlohmann::ordered_json;

/// Every metric and loss that a run has.
std::vector<std::string> metrics_of(const RunRecord& run) {
  std::vector<std::string> metrics = {"train_loss", "valid_loss"};
  if (run.epochs.empty()) return metrics;
  for (const auto& [name, value] : run.epochs.back().metrics) metrics.push_back(name);
  return metrics;
}

std::vector<RunResult> results_of(const std::vector<ChosenRuns>& chosen, const std::string& metric) {
  std::vector<RunResult> results;
  for (const ChosenRuns& each : chosen) {
    results.push_back(result_of(each.text, each.runs, metric));
    if (!results.back().values.empty()) continue;
    if (each.runs.back().epochs.empty()) {
      throw std::invalid_argument(fmt::format("[runs] '{}' has finished no epoch", each.text));
    }
    const std::vector<std::string> known = metrics_of(each.runs.back());
    if (std::find(known.begin(), known.end(), metric) != known.end()) {
      throw std::invalid_argument(
          fmt::format("[runs] '{}' has no finite {}: there was no validation, or it diverged", each.text, metric));
    }
    throw std::invalid_argument(
        fmt::format("[runs] '{}' has no {}{}", each.text, metric, core::did_you_mean(metric, known)));
  }
  return results;
}

/// Whether the settings that decide which images validate are the same.
bool validate_on_the_same(const RunRecord& a, const RunRecord& b) {
  const auto decides = [](const SettingDifference& each) {
    return each.key == "batch.folder" || each.key.starts_with("batch.data.");
  };
  const auto differences = config_difference(a.config, b.config);
  return a.valid_images == b.valid_images && std::none_of(differences.begin(), differences.end(), decides);
}

/// What the verdicts do not cover.
std::vector<std::string> caveats_of(const std::vector<ChosenRuns>& chosen,
                                    const std::vector<RunComparison>& comparisons) {
  std::vector<std::string> texts;
  const RunRecord& first = chosen.front().runs.front();
  const auto differs = [&](const ChosenRuns& each) { return !validate_on_the_same(first, each.runs.front()); };
  if (std::any_of(chosen.begin(), chosen.end(), differs)) {
    texts.emplace_back("Folder, labels or split differ, so these may be results on different images.");
  }
  for (const ChosenRuns& each : chosen) {
    const RunStatus status = each.runs.front().status;
    if (status == RunStatus::kDone) continue;
    texts.push_back(fmt::format("'{}' is {}; its last epoch is not its end.", each.text, core::to_text(status)));
  }
  const auto has = [&](Noise noise) {
    return std::any_of(comparisons.begin(), comparisons.end(), [&](const auto& each) { return each.noise == noise; });
  };
  if (has(Noise::kImages)) {
    texts.emplace_back(
        "The noise is that of drawing other validation images, not that of other seeds; a paired test on the same "
        "images would see smaller differences.");
  }
  if (has(Noise::kRepeats) || has(Noise::kOneRepeat)) {
    texts.emplace_back("The noise is that of other seeds on these validation images, not that of other images.");
  }
  if (comparisons.size() > 1) {
    texts.push_back(fmt::format("Each comparison errs in one of twenty cases; these are {}.", comparisons.size()));
  }
  return texts;
}

Json comparison_json(const RunComparison& comparison) {
  constexpr std::array kNoise = {"images", "repeats", "one_repeat", "unknown"};
  Json json = {{"a", comparison.a.label},
               {"b", comparison.b.label},
               {"difference", comparison.difference.value},
               {"noise_of", kNoise.at(static_cast<std::size_t>(comparison.noise))}};
  if (comparison.noise != Noise::kUnknown) {
    json["standard_error"] = comparison.difference.standard_error;
    json["noise"] = comparison.difference.noise;
    json["p_value"] = comparison.difference.p_value;
    json["is_beyond_noise"] = comparison.difference.is_beyond_noise();
  }
  json["verdict"] = verdict(comparison);
  return json;
}

}  // namespace

ComparedRuns compare_chosen(const std::vector<ChosenRuns>& chosen, const std::optional<std::string>& metric) {
  ComparedRuns compared;
  compared.results = results_of(chosen, metric.value_or(chosen.front().runs.back().main_metric()));
  for (std::size_t i = 1; i < compared.results.size(); ++i) {
    compared.comparisons.push_back(compare_results(compared.results.front(), compared.results[i]));
  }
  compared.caveats = caveats_of(chosen, compared.comparisons);
  return compared;
}

Json to_json(const ComparedRuns& compared) {
  Json json = {{"metric", compared.results.front().metric}, {"runs", Json::array()}, {"comparisons", Json::array()}};
  for (const RunResult& result : compared.results) {
    Json each = {{"run", result.label}, {"values", result.values}, {"mean", result.mean()}};
    each["standard_error"] = result.standard_error() ? Json(*result.standard_error()) : Json(nullptr);
    each["valid_images"] = result.valid_images ? Json(*result.valid_images) : Json(nullptr);
    json["runs"].push_back(each);
  }
  for (const auto& comparison : compared.comparisons) json["comparisons"].push_back(comparison_json(comparison));
  json["caveats"] = compared.caveats;
  return json;
}

std::vector<DifferingSetting> differing_settings(const std::vector<ChosenRuns>& chosen) {
  std::vector<DifferingSetting> settings;
  for (std::size_t i = 1; i < chosen.size(); ++i) {
    for (SettingDifference& each : config_difference(chosen[0].runs.back().config, chosen[i].runs.back().config)) {
      auto found =
          std::find_if(settings.begin(), settings.end(), [&](const auto& known) { return known.key == each.key; });
      if (found == settings.end()) {
        // Until another run says otherwise it has what the first one has.
        settings.push_back({each.key, std::vector<std::optional<Json>>(chosen.size(), each.a)});
        found = std::prev(settings.end());
      }
      found->values[i] = std::move(each.b);
    }
  }
  return settings;
}

std::vector<SettingDifference> changed_settings(const RunRecord& run) {
  const Json defaults =
      run.kind() == RunKind::kProbe ? core::to_json(ProbeRunOptions{}) : core::to_json(TrainOptions{});
  std::vector<SettingDifference> settings = config_difference(defaults, run.config);
  std::erase_if(settings, [](const SettingDifference& each) { return !each.b; });  // the run knew no such setting
  return settings;
}

}  // namespace margay::run
