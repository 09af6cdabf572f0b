#include "apps/cli/probe_text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "apps/cli/flag_value.h"
#include "apps/cli/output.h"
#include "apps/cli/program_words.h"
#include "apps/cli/train_flags.h"
#include "margay/core/counted.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

using ProbeAlign = core::TextTable::Align;
using metric::ClusteredMean;
using run::Probed;

constexpr std::size_t kShownMistakes = 6;

std::string with_error(const ClusteredMean& mean) {
  return std::isfinite(mean.standard_error) ? fmt::format("{:.4f} ± {:.4f}", mean.mean, mean.standard_error)
                                            : fmt::format("{:.4f}", mean.mean);
}

bool has_groups(const train::ProbeResult& result) { return result.largest_group > 1; }

std::string left_out_name(const train::ProbeResult& result) {
  return has_groups(result) ? "leave-one-group-out" : "leave-one-out";
}

std::string scores_text(const Probed& probed, const run::ProbeRunOptions& options) {
  const train::ProbeResult& result = probed.result;
  core::TextTable table({{"", ProbeAlign::kLeft},
                         {probed.task == data::Task::kSingleLabel ? "error" : "wrong decisions", ProbeAlign::kLeft},
                         {"loss", ProbeAlign::kLeft},
                         {"images"}});
  const auto add = [&](const std::string& name, const train::ProbeScore& score) {
    table.add({name, with_error(score.error), with_error(score.loss), std::to_string(score.error.count)});
  };
  add(left_out_name(result), result.score);
  const bool is_selected = options.probe.select == train::ProbeSelect::kValid;
  if (result.valid) add(is_selected ? "validation, cross-fitted" : "validation", result.valid->score);
  return table.text();
}

std::string what_was_left_out(const Probed& probed) {
  const train::ProbeResult& result = probed.result;
  if (!has_groups(result)) return "Each image was predicted without itself (± one standard error).\n";
  return fmt::format("Left out together: {}; {} in {}, the largest of {} (± one standard error, by groups).\n",
                     program_words(probed.grouping), core::counted(result.images, "image"),
                     core::counted(result.groups, "group"), result.largest_group);
}

/// The one sentence that nobody may miss; "" where the scores agree.
std::string disagreement_text(const Probed& probed, const run::ProbeRunOptions& options) {
  if (!probed.result.valid || !probed.result.valid->disagreement.is_beyond_chance) return "";
  const metric::Difference& error = probed.result.valid->disagreement.error;
  const std::string about =
      fmt::format("{:.4f} on the validation images, {:.4f} on training images left out (p = {:.1g})",
                  probed.result.valid->score.error.mean, probed.result.score.error.mean, error.p_value);
  if (error.value < 0) {
    return fmt::format(
        "\nWARNING: THE TWO ERRORS DISAGREE, far beyond chance: {}. The validation images are easier: copies of "
        "training images may be among them, which `margay check --near-duplicates` finds.\n",
        about);
  }
  const bool is_selected = options.probe.select == train::ProbeSelect::kValid;
  return fmt::format(
      "\nWARNING: THE TWO ERRORS DISAGREE, far beyond chance: {}. Either training images are near copies of each "
      "other (name what belongs together with --group-regex or --group-column), or the validation images come "
      "from other places or cameras; believe the validation error{}.\n",
      about, is_selected ? "" : ", and let it choose with --select valid");
}

std::string most_taken_for(const run::ClassMistakes& each, const std::vector<run::ConfusedPair>& pairs) {
  const auto pair =
      std::find_if(pairs.begin(), pairs.end(), [&](const run::ConfusedPair& p) { return p.label == each.name; });
  return pair == pairs.end() ? "" : fmt::format("{} ({})", pair->prediction, pair->count);
}

std::string classes_text(const run::Mistakes& mistakes) {
  std::vector<core::TextTable::Column> columns = {
      {"worst classes", ProbeAlign::kLeft}, {"images"}, {"missed"}, {"error", ProbeAlign::kLeft}, {"false alarms"}};
  const bool has_pairs = !mistakes.pairs.empty();
  if (has_pairs) columns.push_back({"most often taken for", ProbeAlign::kLeft});
  core::TextTable table(std::move(columns));
  std::size_t shown = 0;
  for (const run::ClassMistakes& each : mistakes.classes) {
    if (each.missed == 0 || shown++ == kShownMistakes) break;
    const std::string error = std::isfinite(each.standard_error)
                                  ? fmt::format("{:.2f} ± {:.2f}", each.error, each.standard_error)
                                  : fmt::format("{:.2f}", each.error);
    std::vector<std::string> cells = {each.name, std::to_string(each.images), std::to_string(each.missed), error,
                                      std::to_string(each.alarms)};
    if (has_pairs) cells.push_back(most_taken_for(each, mistakes.pairs));
    table.add(std::move(cells));
  }
  return shown == 0 ? "" : "\n" + table.text();
}

std::string pairs_text(const run::Mistakes& mistakes) {
  core::TextTable table({{"most confused", ProbeAlign::kLeft}, {"predicted as", ProbeAlign::kLeft}, {"times"}, {"of"}});
  std::size_t shown = 0;
  for (const run::ConfusedPair& pair : mistakes.pairs) {
    if (pair.count < 2 || shown++ == kShownMistakes) break;
    table.add({pair.label, pair.prediction, std::to_string(pair.count), std::to_string(pair.images)});
  }
  return shown == 0 ? "" : "\n" + table.text();
}

std::string or_none_of_these(const std::string& labels) { return labels.empty() ? "(none)" : labels; }

std::string hardest_text(const Probed& probed) {
  core::TextTable table({{"highest left-out loss", ProbeAlign::kLeft},
                         {"label", ProbeAlign::kLeft},
                         {"predicted", ProbeAlign::kLeft},
                         {"probability"},
                         {"loss"}});
  for (std::size_t i = 0; i < std::min(kShownMistakes, probed.mistakes.hardest.size()); ++i) {
    const run::JudgedImage& each = probed.mistakes.hardest[i];
    table.add({each.name, or_none_of_these(each.label), or_none_of_these(each.prediction), each.probability,
               fmt::format("{:.2f}", each.loss)});
  }
  std::string text = "\n" + table.text();
  if (!probed.sheet.empty()) {
    text += fmt::format("The {} hardest as images: {}\n", probed.mistakes.hardest.size(), shown_path(probed.sheet));
  }
  return probed.left_out.empty() ? text : text + fmt::format("All predictions: {}\n", shown_path(probed.left_out));
}

constexpr int kCurveBarWidth = 30;

std::string curve_text(const train::LearningCurve& curve) {
  double highest = 0;
  for (const train::LearningCurvePoint& point : curve.points) highest = std::max(highest, point.error);
  core::TextTable table({{"images"}, {"error", ProbeAlign::kLeft}, {"", ProbeAlign::kLeft}});
  for (const train::LearningCurvePoint& point : curve.points) {
    table.add({fmt::format("{:.0f}", point.images), fmt::format("{:.4f} ± {:.4f}", point.error, point.standard_error),
               core::text_bar(highest > 0 ? point.error / highest : 0, kCurveBarWidth)});
  }
  const std::string forecast =
      curve.twice ? fmt::format("Twice the images, {:.0f}: {:.4f} expected ({:.4f} to {:.4f}).", curve.twice->images,
                                curve.twice->error, curve.twice->low, curve.twice->high)
                  : program_words(curve.why_no_forecast);
  return fmt::format("\n{}{}\n", table.text(), forecast);
}

/// What a command needs to find the same images and labels, and the same network.
std::string flags_of_data(const run::ProbeRunOptions& options) {
  std::string text = flag_text(options.batch.data, run::DataOptions{}, probe_flag_names());
  const int size = options.batch.transforms.augment.size;
  if (size != run::ProbeRunOptions{}.batch.transforms.augment.size) text += fmt::format(" --size {}", size);
  return text;
}

std::string train_command(const run::ProbeRunOptions& options) {
  return fmt::format("margay train {} --arch {} --weights {} --init-head probe --epochs 1{}",
                     core::shell_word(options.batch.folder.string()), options.arch,
                     core::shell_word(options.network.weights.string()), flags_of_data(options));
}

std::string fine_tuning_text(const Probed& probed, const run::ProbeRunOptions& options) {
  const train::FineTuningOutlook& outlook = probed.result.fine_tuning;
  const char* verdict = outlook.gain == train::FineTuningGain::kLikely ? "Fine-tuning is likely to lower the error"
                        : outlook.gain == train::FineTuningGain::kUnclear
                            ? "Fine-tuning may lower the error, or not"
                            : "Fine-tuning is unlikely to lower the error";
  return fmt::format("\n{}. {}\n  {}\n", verdict, program_words(outlook.reason), train_command(options));
}

std::string seconds_text(const Probed& probed) {
  std::vector<std::string> parts;
  double sum = 0;
  for (const run::TimedPart& part : probed.seconds) {
    sum += part.seconds;
    parts.push_back(fmt::format("{} {:.1f}", part.name, part.seconds));
  }
  return fmt::format("\n{:.1f} seconds: {}\n", sum, core::joined(parts, ", "));
}

std::string classes_without_images(const Probed& probed) {
  std::string text;
  const auto add = [&](const std::vector<std::string>& names, const char* what) {
    if (names.empty()) return;
    text += fmt::format("\n{} {}: {}.\n", names.size() == 1 ? "One class" : fmt::format("{} classes", names.size()),
                        what, core::joined(std::span(names).first(std::min(names.size(), kShownMistakes)), ", "));
  };
  add(probed.absent_classes, "without a training image can never be predicted");
  add(probed.one_group_classes, "with only one image or group cannot be right when left out");
  return text;
}

}  // namespace

const Renamed& probe_flag_names() {
  static const Renamed renamed = [] {
    Renamed names = train_flag_names();
    for (const char* without :
         {"probe_run.kind", "loader.balance", "loader.drop_last", "mix.mix", "mix.mixup_alpha", "mix.cutmix_alpha"}) {
      names[without] = "";
    }
    return names;
  }();
  return renamed;
}

std::string probe_start_text(const run::ProbeStart& start) {
  return fmt::format("{}, {} validate, {}; {} ({}), {}\n",
                     core::counted(start.train_images, "image trains", "images train"), start.valid_images,
                     core::counted(start.num_classes, "class", "classes"), start.arch,
                     core::spelled_out(start.weights.filename().string()), start.precision);
}

std::string probe_text(const Probed& probed, const run::ProbeRunOptions& options) {
  std::string text = "\n" + scores_text(probed, options) + what_was_left_out(probed);
  text += disagreement_text(probed, options) + classes_without_images(probed);
  text += classes_text(probed.mistakes) + pairs_text(probed.mistakes) + hardest_text(probed);
  if (probed.result.curve) text += curve_text(*probed.result.curve);
  text += fine_tuning_text(probed, options) + seconds_text(probed);
  if (probed.model.empty()) return text;  // it could not be written, as an error says
  return text + fmt::format("The model: {}\nTry it:    margay predict {} IMAGE\n", shown_path(probed.model),
                            core::shell_word(probed.model.string()));
}

namespace {

std::string verdict_of(const run::ComparedNetwork& network, bool is_best) {
  if (is_best) return "best";
  return fmt::format("{:+.4f} ± {:.4f}, {}", network.to_best.value, network.to_best.standard_error,
                     network.to_best.is_beyond_noise() ? "worse" : "within noise");
}

std::string speed_of(const run::ComparedNetwork& network) {
  return network.images_per_s > 0 ? fmt::format("{:.1f}", network.images_per_s) : "from the cache";
}

}  // namespace

std::string comparison_text(const run::ProbeComparison& comparison, const run::ProbeRunOptions& options) {
  core::TextTable table({{"network", ProbeAlign::kLeft},
                         {"error", ProbeAlign::kLeft},
                         {"loss", ProbeAlign::kLeft},
                         {"images/s"},
                         {"against the best", ProbeAlign::kLeft}});
  const run::ComparedNetwork& best = comparison.best();
  for (const run::ComparedNetwork& each : comparison.networks) {
    if (!each.problem.empty()) continue;
    table.add({each.arch, with_error(each.score.error), with_error(each.score.loss), speed_of(each),
               verdict_of(each, &each == &best)});
  }
  const std::string how =
      comparison.groups < comparison.images
          ? fmt::format("leave-one-group-out ({}; {} in {})", program_words(comparison.grouping),
                        core::counted(comparison.images, "image"), core::counted(comparison.groups, "group"))
          : fmt::format("leave-one-out, {}", core::counted(comparison.images, "image"));
  std::string missing;
  for (const run::ComparedNetwork& each : comparison.networks) {
    if (!each.problem.empty()) missing += fmt::format("Not probed: {}: {}\n", each.arch, program_words(each.problem));
  }
  return fmt::format(
      "\n{}{}Errors are {}, ± one standard error; differences are of the same images.\n\nProbe the best one, and see "
      "its mistakes:\n"
      "  margay probe {} --arch {} --weights {}{}\n",
      table.text(), missing, how, core::shell_word(options.batch.folder.string()), best.arch,
      core::shell_word(best.weights.string()), flags_of_data(options));
}

nlohmann::ordered_json comparison_json(const run::ProbeComparison& comparison) {
  nlohmann::ordered_json json = {{"images", comparison.images},
                                 {"groups", comparison.groups},
                                 {"grouping", comparison.grouping},
                                 {"networks", nlohmann::ordered_json::array()}};
  for (const run::ComparedNetwork& each : comparison.networks) {
    nlohmann::ordered_json network = {{"arch", each.arch}, {"weights", each.weights.string()}};
    if (!each.problem.empty()) {
      network["problem"] = program_words(each.problem);
    } else {
      network["error"] = run::to_json(each.score.error);
      network["loss"] = run::to_json(each.score.loss);
      network["images_per_s"] = each.images_per_s;
      network["to_best"] = {{"value", each.to_best.value},
                            {"standard_error", each.to_best.standard_error},
                            {"p_value", each.to_best.p_value}};
    }
    json["networks"].push_back(std::move(network));
  }
  return json;
}

}  // namespace margay::cli
