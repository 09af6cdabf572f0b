#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/core/counted.h"
#include "margay/core/text.h"
#include "margay/interpret/interpretation.h"

namespace margay::interpret {
namespace {

constexpr std::int64_t kFewImages = 30;
constexpr std::size_t kNamesShown = 5;
constexpr std::size_t kPairsShown = 3;

std::string counted_images(std::int64_t count) { return core::counted(count, "image"); }

std::string is_or_are(std::int64_t count) { return count == 1 ? "is" : "are"; }

std::string interval_words(const metric::Estimate& estimate, double confidence) {
  if (!estimate.interval.is_known()) return fmt::format("{:.3f}", estimate.value);
  return fmt::format("{:.3f} ({:.4g} % interval {:.3f} to {:.3f})", estimate.value, 100 * confidence,
                     estimate.interval.low, estimate.interval.high);
}

std::string some_names(const std::vector<std::string>& names) {
  std::string text = core::joined(std::span(names).first(std::min(names.size(), kNamesShown)), ", ");
  if (names.size() > kNamesShown) text += fmt::format(" and {} more", names.size() - kNamesShown);
  return text;
}

/// Writes one sentence after another.
class SummaryWriter {
 public:
  explicit SummaryWriter(const Interpretation& interpretation)
      : interp_(interpretation),
        images_(interpretation.images()),
        confidence_(interpretation.options().bootstrap.confidence) {}

  std::vector<std::string> write() {
    interp_.has_labels() ? write_results() : write_without_labels();
    write_refusals();
    if (interp_.has_labels() && !interp_.is_multi_label()) write_confusions();
    if (interp_.has_labels()) {
      write_weakest();
      write_surely_wrong();
      write_classes_without_images();
    }
    write_data();
    return std::move(sentences_);
  }

 private:
  /// Names may be any bytes; sentences go into JSON.
  void add(const std::string& sentence) { sentences_.push_back(core::valid_utf8(sentence)); }

  const metric::Estimate* number(std::string_view name) const {
    const auto found = std::ranges::find(interp_.summary(), name, &SummaryNumber::name);
    return found == interp_.summary().end() ? nullptr : &found->estimate;
  }

  void write_results() {
    const auto right = std::count(images_.is_right.begin(), images_.is_right.end(), true);
    const bool is_multi = interp_.is_multi_label();
    const metric::Estimate& share = *number(is_multi ? "exact_match" : "accuracy");
    add(fmt::format("{} of {} {} right{}: {} {}.", right, counted_images(images_.size()), is_or_are(right),
                    is_multi ? " in every class" : "", is_multi ? "exact match" : "accuracy",
                    interval_words(share, confidence_)));
    if (right == images_.size()) add("Nothing is wrong, so only the intervals tell how much that means.");
    if (right == 0) add("Nothing is right: are these the classes that the model was trained for, in their order?");
    if (is_multi) {
      const metric::Estimate& mean = *number("mean_average_precision");
      if (!std::isnan(mean.value)) add("The mean average precision is " + interval_words(mean, confidence_) + ".");
    }
  }

  void write_without_labels() {
    add(fmt::format(
        "{} without labels: whether the predictions are right is not known. They are sure to {} on average, "
        "by the model's own account.",
        core::counted(images_.size(), "image"), interval_words(*number("confidence"), confidence_)));
    const std::vector<NearClasses> near = interp_.near_classes();
    if (near.empty()) return;
    add(fmt::format("The model hesitates the most between {} and {}: {} with less than .2 between them.",
                    interp_.vocab().name(near.front().predicted), interp_.vocab().name(near.front().second),
                    counted_images(near.front().count)));
  }

  void write_refusals() {
    const auto refused = std::count(images_.is_refused.begin(), images_.is_refused.end(), true);
    if (images_.is_refused.empty()) return;
    add(fmt::format("{} {} answered with \"{}\".", counted_images(refused), refused == 1 ? "was" : "were",
                    kNoneOfThese));
  }

  void write_confusions() {
    std::vector<std::string> pairs;
    for (const ConfusedPair& pair : interp_.most_confused()) {
      if (!pair.is_beyond_chance() || pairs.size() == kPairsShown) continue;
      pairs.push_back(fmt::format("{} is taken for {} ({} of {}; by chance {:.1f}, p = {:.2g})",
                                  interp_.vocab().name(pair.actual), interp_.vocab().name(pair.predicted), pair.count,
                                  counted_images(interp_.confusion_matrix().row_total(pair.actual)), pair.expected,
                                  pair.p_holm));
    }
    if (!pairs.empty()) add(fmt::format("More than errors would by chance, {}.", core::joined(pairs, "; ")));
  }

  /// The class with the lowest recall, the one of the most images among equals.
  void write_weakest() {
    const ClassReport* weakest = nullptr;
    for (const ClassReport& row : interp_.classification_report().classes) {
      if (row.support == 0 || row.counts.false_negatives == 0) continue;
      const bool is_weaker = weakest == nullptr || row.recall.value < weakest->recall.value ||
                             (row.recall.value == weakest->recall.value && row.support > weakest->support);
      if (is_weaker) weakest = &row;
    }
    if (weakest == nullptr || interp_.vocab().size() < 2) return;
    add(fmt::format("The class that is recognised the least is {}: {} of {}.", weakest->name,
                    weakest->counts.true_positives, counted_images(weakest->support)));
  }

  void write_surely_wrong() {
    if (interp_.is_multi_label()) return;
    const std::vector<TopLoss> top = interp_.top_losses(1, TopLosses::kSurelyWrong);
    if (top.empty()) return;
    add(fmt::format("The most surely wrong prediction is {} for {} ({:.3f}), labelled {}.", top.front().prediction,
                    core::spelled_out(top.front().name), top.front().probability, top.front().label));
  }

  void write_classes_without_images() {
    std::vector<std::string> names;
    for (const ClassReport& row : interp_.classification_report().classes) {
      if (row.support == 0) names.push_back(row.name);
    }
    if (names.empty()) return;
    add(fmt::format("{} of {} classes {} no image: {}. A class that is not predicted either counts in no average.",
                    names.size(), interp_.vocab().size(), names.size() == 1 ? "has" : "have", some_names(names)));
  }

  void write_data() {
    if (interp_.vocab().size() == 1) add("The model knows one class only: with softmax it can answer nothing else.");
    if (images_.size() < kFewImages)
      add(fmt::format("{} {} few: the intervals are wide.", counted_images(images_.size()), is_or_are(images_.size())));
    if (interp_.num_groups() < images_.size()) {
      add(fmt::format("The images come in {}, which the intervals keep together.",
                      core::counted(interp_.num_groups(), "group")));
    }
    const std::size_t skipped = interp_.predictions().rows.skipped.size();
    if (skipped > 0) add(core::counted(skipped, "image") + " could not be read and count in no number.");
  }

  const Interpretation& interp_;
  const JudgedImages& images_;
  double confidence_;
  std::vector<std::string> sentences_;
};

}  // namespace

std::vector<std::string> Interpretation::summary_text() const { return SummaryWriter(*this).write(); }

}  // namespace margay::interpret
