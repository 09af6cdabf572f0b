#include "apps/cli/label_check_text.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "apps/cli/program_words.h"
#include "margay/core/counted.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

using LabelAlign = core::TextTable::Align;
using run::LabelCheck;
using run::WrongShare;

constexpr std::size_t kShownLabels = 10;
constexpr std::size_t kLabelColumns = 40;

std::string label_cell(const data::Labels& labels) {
  return labels.empty() ? "(none)" : core::fitted(core::one_line(core::joined(labels, ";")), 24);
}

std::string percent(double share) { return std::isfinite(share) ? fmt::format("{:.1f} %", 100 * share) : ""; }

std::string percent_interval(const metric::Estimate& share) {
  if (!share.interval.is_known()) return "";
  return fmt::format("{:.1f} – {:.1f} %", 100 * share.interval.low, 100 * share.interval.high);
}

/// The end of a long name tells more than its beginning.
std::string shown_name(const std::string& name) {
  const std::string line = core::one_line(name);
  if (core::text_width(line) <= kLabelColumns || line.size() <= kLabelColumns) return line;
  std::size_t begin = line.size() - kLabelColumns + 1;
  while (begin < line.size() && (static_cast<unsigned char>(line[begin]) & 0xC0U) == 0x80U) ++begin;
  return "…" + line.substr(begin);
}

std::string wrong_labels_text(const LabelCheck& check, LabelExtent extent) {
  if (check.ranked.empty()) return "";
  const bool is_single = check.task == data::Task::kSingleLabel;
  std::vector<core::TextTable::Column> columns = {
      {"probably wrong", LabelAlign::kLeft}, {"label", LabelAlign::kLeft}, {"suggested", LabelAlign::kLeft}};
  if (is_single) {
    columns.push_back({"probability"});
    columns.push_back({"of the label"});
  }
  columns.push_back({"quality"});
  columns.push_back({"part", LabelAlign::kLeft});
  core::TextTable table(std::move(columns));
  const std::size_t shown =
      extent == LabelExtent::kAll ? check.ranked.size() : std::min(kShownLabels, check.ranked.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const auto row = static_cast<std::size_t>(check.ranked[i]);
    std::vector<std::string> cells = {shown_name(check.name(row)), label_cell(check.given_labels(row)),
                                      label_cell(check.predicted_labels(row))};
    if (is_single) {
      cells.push_back(fmt::format("{:.3f}", check.probability(row, check.predicted[row][0])));
      cells.push_back(fmt::format("{:.3f}", check.probability(row, check.given[row][0])));
    }
    cells.push_back(fmt::format("{:.3f}", check.quality[row]));
    cells.emplace_back(check.validates[row] ? "valid" : "train");
    table.add(std::move(cells));
  }
  const std::size_t left = check.ranked.size() - shown;
  return table.text() + (left > 0 ? fmt::format("and {} more\n", left) : "") + "\n";
}

/// The classes with the largest shares first.
std::string shares_text(const LabelCheck& check, LabelExtent extent) {
  std::vector<const WrongShare*> classes;
  for (const WrongShare& each : check.by_class) {
    if (std::isfinite(each.wrong.value)) classes.push_back(&each);
  }
  std::stable_sort(classes.begin(), classes.end(),
                   [](const WrongShare* a, const WrongShare* b) { return a->wrong.value > b->wrong.value; });
  core::TextTable table({{"class", LabelAlign::kLeft}, {"images"}, {"flagged"}, {"estimated wrong"}, {"95 %"}});
  std::size_t shown = 0;
  for (const WrongShare* each : classes) {
    const bool is_clean = each->wrong.value == 0 && each->flagged == 0;
    if (extent == LabelExtent::kShort && (shown == kShownLabels || is_clean)) break;
    table.add({core::fitted(core::one_line(each->name), kLabelColumns), std::to_string(each->images),
               std::to_string(each->flagged), percent(each->wrong.value), percent_interval(each->wrong)});
    ++shown;
  }
  if (shown == 0) return "";
  const std::size_t left = classes.size() - shown;
  return table.text() + (left > 0 ? fmt::format("and {}\n", core::counted(left, "class", "classes")) : "") + "\n";
}

std::string summary_line(const LabelCheck& check) {
  const bool is_single = check.task == data::Task::kSingleLabel;
  std::string line = fmt::format("{} of {} labels are probably wrong", check.ranked.size(), check.size());
  if (!is_single) line = fmt::format("{} of {} images probably have a wrong label", check.ranked.size(), check.size());
  if (std::isfinite(check.all.wrong.value)) {
    line += fmt::format("; estimated{}: {} ({})", is_single ? "" : ", of all decisions on labels",
                        percent(check.all.wrong.value), percent_interval(check.all.wrong));
  }
  return line + ".\n";
}

}  // namespace

std::string label_check_text(const LabelCheck& check, LabelExtent extent) {
  std::string text = fmt::format("Judged by {}.\n\n", program_words(check.source));
  text += wrong_labels_text(check, extent) + shares_text(check, extent) + summary_line(check);
  if (!check.ranked.empty()) {
    text +=
        "These are suspicions: rare but right images are among them, and where no label is wrong, some are flagged "
        "all the same.\n";
  }
  return text;
}

}  // namespace margay::cli
