#include "apps/cli/review_text.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/output.h"
#include "margay/core/counted.h"
#include "margay/core/field_type.h"
#include "margay/core/text.h"
#include "margay/data/source/csv.h"

namespace margay::cli {
namespace {

using ReviewJson = nlohmann::ordered_json;

/// "1.2 %"; small shares with one digit more.
std::string percent_text(double share) { return fmt::format("{:.{}f} %", 100 * share, share < .00995 ? 2 : 1); }

std::string sample_text(const run::RemainingWrong& left) {
  return fmt::format("{:g} % sure: {} wrong of {} looked at in random order", 100 * left.confidence, left.sample.wrong,
                     left.sample.looked_at);
}

std::string interval_text(const metric::Estimate& estimate) {
  return fmt::format("{} ({} … {})", percent_text(estimate.value), percent_text(estimate.interval.low),
                     percent_text(estimate.interval.high));
}

std::string_view kind_name(data::DecisionKind kind) {
  for (const auto& [value, name] : names(data::DecisionKind{})) {
    if (value == kind) return name;
  }
  return "";
}

std::string names_text(const run::Review& review, const std::vector<std::size_t>& images) {
  std::vector<std::string> texts;
  for (const std::size_t image : images) texts.push_back(review.name(image));
  return core::joined(texts, ";");
}

std::string change_text(const data::Decision& decision) {
  if (decision.kind == data::DecisionKind::kRelabel) {
    return fmt::format("{} -> {}", labels_text(decision.before), labels_text(decision.after));
  }
  if (decision.kind == data::DecisionKind::kNotDuplicate) return "not a copy of " + decision.other;
  if (decision.kind == data::DecisionKind::kUndo) return fmt::format("number {}", decision.undoes);
  return labels_text(decision.before);
}

}  // namespace

std::string labels_text(const data::Labels& labels) { return labels.empty() ? "none" : core::joined(labels, ";"); }

std::string remaining_text(const run::RemainingWrong& left) {
  if (!left.at_most) {
    const double found = left.estimate.value_or(0);
    return (found < .5 ? "" : fmt::format("about {:.0f} wrong among what was found; ", found)) +
           "how many of the rest are wrong only the random sample can tell";
  }
  const double images = static_cast<double>(std::max<std::size_t>(1, left.images));
  const std::string probably = left.estimate ? fmt::format("; probably {}", percent_text(*left.estimate / images)) : "";
  return fmt::format("at most {} of {} labels are wrong ({}){}", percent_text(left.share_at_most().value_or(0)),
                     left.images, sample_text(left), probably);
}

std::string progress_text(const run::ReviewProgress& progress) {
  std::string text = fmt::format("{} left · {} kept, {} relabelled, {} deleted", progress.pending, progress.kept,
                                 progress.relabelled, progress.deleted);
  if (progress.skipped > 0) text += fmt::format(", {} skipped", progress.skipped);
  return text;
}

std::string validation_text(const run::Review& review) {
  const std::size_t changed = review.progress().changed_in_validation;
  if (changed == 0) return "";
  const auto errors = review.validation_errors();
  std::string text =
      core::counted(changed, "decision changes a validation image", "decisions change validation images") +
      ", by whose labels models are judged";
  if (!errors) return text + ".";
  return text +
         fmt::format(": the error of the model that was asked is {} before and {} after on the same {} images",
                     interval_text(errors->before), interval_text(errors->after), errors->images) +
         (errors->deleted > 0 ? fmt::format(", without {} deleted.", errors->deleted) : ".");
}

std::string review_summary(const run::Review& review) {
  std::string text = progress_text(review.progress()) + "\n" + remaining_text(review.remaining()) + "\n";
  if (const std::string validation = validation_text(review); !validation.empty()) text += validation + "\n";
  if (review.findings_elsewhere() > 0) {
    text += fmt::format("{} about images that are not here\n",
                        core::counted(review.findings_elsewhere(), "finding is", "findings are"));
  }
  return text + fmt::format("journal: {} ({})\n", shown_path(review.journal().path()),
                            core::counted(review.journal().size(), "line"));
}

ReviewJson queue_json(const run::Review& review) {
  ReviewJson entries = ReviewJson::array();
  for (const run::ReviewEntry& entry : review.pending()) {
    ReviewJson others = ReviewJson::array();
    for (const std::size_t other : entry.others) others.push_back(review.name(other));
    entries.push_back({{"image", review.name(entry.image)},
                       {"kind", entry.kind},
                       {"label", review.labels(entry.image)},
                       {"suggestion", entry.suggestion},
                       {"others", others},
                       {"probability", entry.probability},
                       {"gain", entry.gain},
                       {"part", review.data().validates[entry.image] ? "valid" : "train"},
                       {"text", entry.text}});
  }
  return entries;
}

std::string queue_csv(const run::Review& review) {
  std::string lines = "image,kind,label,suggestion,other,probability,gain,part\n";
  const auto joined = [](const data::Labels& labels) { return core::joined(labels, ";"); };
  for (const run::ReviewEntry& entry : review.pending()) {
    lines += fmt::format("{},{},{},{},{},{:.4f},{:.4f},{}\n", data::csv_cell(review.name(entry.image)), entry.kind,
                         data::csv_cell(joined(review.labels(entry.image))), data::csv_cell(joined(entry.suggestion)),
                         data::csv_cell(names_text(review, entry.others)), entry.probability, entry.gain,
                         review.data().validates[entry.image] ? "valid" : "train");
  }
  return lines;
}

std::string queue_text(const run::Review& review, std::size_t most) {
  using Align = core::TextTable::Align;
  core::TextTable table({{"image", Align::kLeft},
                         {"kind", Align::kLeft},
                         {"label", Align::kLeft},
                         {"suggestion", Align::kLeft},
                         {"gain"}});
  const std::vector<run::ReviewEntry> entries = review.pending();
  for (std::size_t i = 0; i < std::min(most, entries.size()); ++i) {
    const run::ReviewEntry& entry = entries[i];
    table.add({review.name(entry.image), entry.kind, labels_text(review.labels(entry.image)),
               entry.suggestion.empty() ? "" : labels_text(entry.suggestion), fmt::format("{:.2f}", entry.gain)});
  }
  if (entries.empty()) return "nothing is left to review in the queue\n";
  const std::size_t more = entries.size() - std::min(most, entries.size());
  return table.text() + (more > 0 ? fmt::format("and {} more; --limit shows more\n", more) : "");
}

ReviewJson status_json(const run::Review& review) {
  const run::ReviewProgress progress = review.progress();
  const run::RemainingWrong left = review.remaining();
  ReviewJson json = {
      {"journal", review.journal().path().string()},
      {"lines", review.journal().size()},
      {"images", review.data().size()},
      {"kept", progress.kept},
      {"relabelled", progress.relabelled},
      {"deleted", progress.deleted},
      {"not_duplicates", progress.distinct},
      {"changed_in_validation", progress.changed_in_validation},
      {"pending", progress.pending},
      {"sample",
       {{"population", left.sample.population}, {"looked_at", left.sample.looked_at}, {"wrong", left.sample.wrong}}},
      {"confidence", left.confidence}};
  json["wrong_at_most"] = left.at_most ? ReviewJson(*left.at_most) : ReviewJson(nullptr);
  json["wrong_share_at_most"] = left.at_most ? ReviewJson(*left.share_at_most()) : ReviewJson(nullptr);
  json["wrong_estimate"] = left.estimate ? ReviewJson(*left.estimate) : ReviewJson(nullptr);
  if (const auto errors = review.validation_errors()) {
    json["validation"] = {{"images", errors->images},
                          {"relabelled", errors->relabelled},
                          {"deleted", errors->deleted},
                          {"error_before", metric::to_json(errors->before)},
                          {"error_after", metric::to_json(errors->after)},
                          {"change", errors->change.value},
                          {"change_standard_error", errors->change.standard_error}};
  }
  return json;
}

std::string history_text(const data::Journal& journal, std::size_t most) {
  using Align = core::TextTable::Align;
  core::TextTable table({{"number"},
                         {"time", Align::kLeft},
                         {"who", Align::kLeft},
                         {"decision", Align::kLeft},
                         {"image", Align::kLeft},
                         {"", Align::kLeft}});
  const std::size_t shown = std::min(most, journal.size());
  for (std::size_t number = journal.size(); number > journal.size() - shown; --number) {
    const data::Decision& decision = journal.decision(number);
    table.add({std::to_string(number), decision.time, decision.who, std::string(kind_name(decision.kind)),
               decision.image, change_text(decision) + (journal.is_undone(number) ? "  (undone)" : "")});
  }
  if (shown == 0) return "no decision yet\n";
  return table.text() + (shown < journal.size() ? fmt::format("{} earlier\n", journal.size() - shown) : "");
}

}  // namespace margay::cli
