#include "margay/interpret/xray_words.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace margay::interpret {
namespace {

constexpr double kSmallestShown = 0.00005;  // rounds to 0.0001
constexpr double kLargestShown = 1e6;

bool fits_four_digits(double number) {
  const double size = std::abs(number);
  return size == 0 || std::isinf(size) || (size >= kSmallestShown && size < kLargestShown);
}

}  // namespace

std::string number_text(double number) {
  return fits_four_digits(number) ? fmt::format("{:.4f}", number + 0.0) : fmt::format("{:.1e}", number);
}

std::string signed_text(double number) {
  if (std::abs(number) < 1e-15) return "0.0000";
  return fits_four_digits(number) ? fmt::format("{:+.4f}", number) : fmt::format("{:+.1e}", number);
}

std::string percent_text(double share) {
  const double percent = share * 100;
  return percent > 0 && percent < 0.95 ? fmt::format("{:.1f} %", percent) : fmt::format("{:.0f} %", percent);
}

namespace {

std::vector<std::size_t> in_order(std::size_t count) {
  std::vector<std::size_t> indices(count);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

/// `weight(k)` says how much class k matters; equals stay in their order.
template <class Weight>
std::vector<std::size_t> heaviest_first(std::size_t count, const Weight& weight) {
  std::vector<std::size_t> indices = in_order(count);
  std::stable_sort(indices.begin(), indices.end(), [&](std::size_t a, std::size_t b) { return weight(a) > weight(b); });
  return indices;
}

}  // namespace

std::vector<std::size_t> shown_classes(const SoftmaxRow& row, Extent extent) {
  if (extent == Extent::kAll || row.classes.size() <= kMostShown) return in_order(row.classes.size());
  auto shown = heaviest_first(row.classes.size(), [&](std::size_t k) { return row.classes[k].probability; });
  shown.resize(kMostShown);
  const bool misses_target = row.target && std::find(shown.begin(), shown.end(), row.target->index) == shown.end();
  if (misses_target) shown.back() = row.target->index;
  return shown;
}

std::vector<std::size_t> shown_classes(const SigmoidRow& row, Extent extent) {
  if (extent == Extent::kAll || row.classes.size() <= kMostShown) return in_order(row.classes.size());
  auto shown = heaviest_first(
      row.classes.size(), [&](std::size_t k) { return row.target ? row.classes[k].loss : row.classes[k].probability; });
  shown.resize(kMostShown);
  return shown;
}

std::vector<std::size_t> hidden_classes(std::size_t count, const std::vector<std::size_t>& shown) {
  std::vector<bool> is_shown(count, false);
  for (const std::size_t k : shown) is_shown[k] = true;
  std::vector<std::size_t> hidden;
  for (std::size_t k = 0; k < count; ++k) {
    if (!is_shown[k]) hidden.push_back(k);
  }
  return hidden;
}

namespace {

constexpr double kNearlyZero = 0.01;  // a loss of 0.01 is p = 0.99 of the target
constexpr double kNearlyAll = 0.995;  // rounds to 100 %
constexpr double kDominates = 0.2;    // below it no single class explains the loss

std::string right_or_wrong(const SoftmaxRow& row) {
  const SoftmaxTerm& best = row.classes[row.best_class()];
  const std::string& name = row.classes[row.target->index].name;
  const std::string p = number_text(row.target->probability);
  switch (outcome(row)) {
    case Outcome::kWrong:
      return fmt::format("Wrong: '{}' got p = {}, the target '{}' {}.", best.name, number_text(best.probability), name,
                         p);
    case Outcome::kSure:
      return fmt::format("Right and sure: the target '{}' got p = {}, so the loss is nearly 0, and the gradient too.",
                         name, p);
    default:
      return fmt::format("Right, but not sure: the target '{}' got p = {}.", name, p);
  }
}

std::string gap_words(const SoftmaxRow& row, const Gap& gap) {
  const std::string& name = row.classes[gap.index].name;
  if (row.classes.size() == 2) return fmt::format("All of this loss is the gap to '{}', the only other class.", name);
  if (gap.share < kDominates) {
    return fmt::format("No class dominates: the widest gap, to '{}', is {} of this loss; without it {} would be left.",
                       name, percent_text(gap.share), number_text(gap.loss_without));
  }
  return fmt::format("{} of this loss is the gap to '{}': without it the loss would be {}.",
                     gap.share > kNearlyAll ? "Nearly all" : percent_text(gap.share), name,
                     number_text(gap.loss_without));
}

std::string infinity_words(const SoftmaxRow& row) {
  if (std::isinf(row.classes[row.target->index].activation)) {
    return "An activation of -inf means p = 0 exactly: the loss is infinite, and no step can change that.";
  }
  return fmt::format(
      "The activation of '{}' lies further above the target than a float64 can count, 1.8e308: the loss, their "
      "difference, overflows, and no step can change that.",
      row.classes[row.best_class()].name);
}

std::string costs_of_each_class(const SoftmaxRow& row) {
  const auto [least, most] =
      std::minmax_element(row.classes.begin(), row.classes.end(),
                          [](const SoftmaxTerm& a, const SoftmaxTerm& b) { return a.negative_log < b.negative_log; });
  return fmt::format("No target is given: the loss would be {} if it is '{}', up to {} if it is '{}' (column -log p).",
                     number_text(least->negative_log), least->name, number_text(most->negative_log), most->name);
}

std::string step_text(double step, double before, double after) {
  const std::string begin = fmt::format("One step of {:g} against the gradient", step);
  if (before == after) return fmt::format("{} leaves the loss at {}.", begin, number_text(before));
  return fmt::format("{} brings the loss from {} to {}.", begin, number_text(before), number_text(after));
}

}  // namespace

Outcome outcome(const SoftmaxRow& row) {
  if (!row.target) return Outcome::kOpen;
  if (row.classes[row.best_class()].probability > row.target->probability) return Outcome::kWrong;
  return row.target->loss < kNearlyZero ? Outcome::kSure : Outcome::kUnsure;
}

Outcome outcome(const SigmoidRow& row) {
  if (!row.target) return Outcome::kOpen;
  for (const SigmoidTerm& term : row.classes) {
    if (term.is_there != (term.probability > 0.5)) return Outcome::kWrong;
  }
  return row.target->loss < kNearlyZero ? Outcome::kSure : Outcome::kUnsure;
}

std::string verdict(const SoftmaxRow& row) {
  if (row.classes.size() == 1) return "There is one class only: its p is 1 whatever the activation, and the loss 0.";
  if (!row.target) return costs_of_each_class(row);
  const SoftmaxTarget& target = *row.target;
  std::string words = right_or_wrong(row);
  if (std::isinf(target.loss)) return words + " " + infinity_words(row);
  const bool is_told = target.widest_gap && outcome(row) != Outcome::kSure;
  return is_told ? fmt::format("{} {}", words, gap_words(row, *target.widest_gap)) : words;
}

std::string verdict(const SigmoidRow& row) {
  if (!row.target) {
    const auto best =
        std::max_element(row.classes.begin(), row.classes.end(),
                         [](const SigmoidTerm& a, const SigmoidTerm& b) { return a.probability < b.probability; });
    return fmt::format("No target is given. '{}' is the most probable, p = {}.", best->name,
                       number_text(best->probability));
  }
  if (outcome(row) == Outcome::kSure) {
    return "Right and sure of every class: the loss is nearly 0, and the gradient too.";
  }
  const SigmoidTerm& heaviest = row.classes[row.target->heaviest];
  const bool is_wrong = heaviest.is_there != (heaviest.probability > 0.5);
  return fmt::format("{} of this loss is '{}': it is {}there and got p = {}{}.",
                     row.classes.size() == 1 ? "All" : percent_text(heaviest.share), heaviest.name,
                     heaviest.is_there ? "" : "not ", number_text(heaviest.probability),
                     is_wrong ? "" : ", right but not sure");
}

std::string step_words(const SoftmaxRow& row, double step) {
  return row.target ? step_text(step, row.target->loss, row.target->loss_after_step) : "";
}

std::string step_words(const SigmoidRow& row, double step) {
  return row.target ? step_text(step, row.target->loss, row.target->loss_after_step) : "";
}

std::string left_out_words(const SoftmaxRow& row, const std::vector<std::size_t>& shown) {
  const std::vector<std::size_t> hidden = hidden_classes(row.classes.size(), shown);
  if (hidden.empty()) return "";
  double together = 0;
  for (const std::size_t k : hidden) together += row.classes[k].probability;
  return fmt::format("… {} more classes, together p = {}; `all` shows them", hidden.size(), number_text(together));
}

std::string left_out_words(const SigmoidRow& row, const std::vector<std::size_t>& shown) {
  const std::vector<std::size_t> hidden = hidden_classes(row.classes.size(), shown);
  if (hidden.empty()) return "";
  double together = 0;
  for (const std::size_t k : hidden) together += row.classes[k].share;
  const std::string share = row.target ? fmt::format(", together {} of the loss", percent_text(together)) : "";
  return fmt::format("… {} more classes{}; `all` shows them", hidden.size(), share);
}

std::string summary_words(const XraySummary& summary) {
  if (summary.rows == 1) {
    return fmt::format("The loss of '{}' is {}.", summary.heaviest_row, number_text(summary.mean_loss));
  }
  return fmt::format("The mean loss of {} rows is {}; '{}' weighs most, {} of the sum.", summary.rows,
                     number_text(summary.mean_loss), summary.heaviest_row, percent_text(summary.heaviest_share));
}

namespace {

std::vector<LegendEntry> with_temperature(std::vector<LegendEntry> entries, double temperature) {
  if (temperature == 1) return entries;
  entries.insert(entries.begin(),
                 {"z", fmt::format("the logits, divided by the model's temperature {:.4f}; with `raw` the logits "
                                   "themselves",
                                   temperature)});
  return entries;
}

}  // namespace

std::vector<LegendEntry> softmax_legend(double temperature) {
  return with_temperature(
      {{"sigmoid", "1 / (1 + exp(-z)) of one activation alone, so a row need not sum to 1"},
       {"exp", "of z - max z, so that it cannot overflow; softmax is the same"},
       {"softmax", "exp / sum of exp: all classes share one sum, so a row sums to 1"},
       {"-log p", "0 for a sure class, without bound for an unlikely one; at the target it is the loss"},
       {"gradient", "of the loss by z: softmax, less 1 at the target; a row sums to 0"}},
      temperature);
}

std::vector<LegendEntry> sigmoid_legend(double temperature) {
  return with_temperature(
      {{"sigmoid", "p = 1 / (1 + exp(-z)): each class is a separate question, so a row need not sum to 1"},
       {"loss", "-log p if the class is present, -log(1 - p) if it is not; the row's loss is their mean"},
       {"share", "of the row's loss"},
       {"gradient", "of the row's loss by z: (p - target) / number of classes"}},
      temperature);
}

}  // namespace margay::interpret
