#include "margay/interpret/interpretation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "margay/metric/target_rank.h"

namespace margay::interpret {
namespace {

constexpr float kNearMargin = 0.2F;

std::vector<std::int64_t> group_numbers_of(const torch::Tensor& groups) {
  if (!groups.defined()) return {};
  const torch::Tensor numbers = groups.contiguous();
  return {numbers.data_ptr<std::int64_t>(), numbers.data_ptr<std::int64_t>() + numbers.size(0)};
}

std::vector<double> as_numbers(const std::vector<bool>& flags) { return {flags.begin(), flags.end()}; }

metric::Estimate complement(const metric::Estimate& share) {
  return {.value = 1 - share.value, .interval = {1 - share.interval.high, 1 - share.interval.low}};
}

/// The classes as predicted; −1 where refused.
std::vector<std::int32_t> answers(const JudgedImages& images) {
  std::vector<std::int32_t> predicted = images.best;
  for (std::int64_t i = 0; i < images.size(); ++i) {
    if (images.refused(i)) predicted[static_cast<std::size_t>(i)] = -1;
  }
  return predicted;
}

/// Makes the list of numbers about all images.
class SummaryMaker {
 public:
  SummaryMaker(const JudgedImages& images, const metric::Resamples& resamples, std::span<const std::int64_t> groups)
      : images_(images), resamples_(resamples), groups_(groups) {}

  void add(std::string name, const metric::Estimate& estimate, std::string words) {
    numbers_.push_back({std::move(name), estimate, std::move(words)});
  }

  metric::Estimate share(const std::vector<bool>& flags) const {
    return metric::share_estimate(as_numbers(flags), groups_, resamples_.confidence());
  }

  void add_accuracy() {
    const metric::Estimate accuracy = share(images_.is_right);
    add("accuracy", accuracy, "images whose prediction is the label");
    add("error_rate", complement(accuracy), "the others");
  }

  void add_top_k(std::int64_t k, std::int64_t classes) {
    if (k < 2 || k >= classes) return;  // the accuracy, or 1
    std::vector<bool> is_among;
    for (const std::int32_t rank : images_.label_rank) is_among.push_back(rank < k);
    add(fmt::format("top_{}_accuracy", k), share(is_among),
        fmt::format("images whose label is among the {} most probable classes", k));
  }

  /// Of all N · K decisions.
  void add_decisions(std::int64_t classes) {
    std::vector<double> right;
    for (std::int64_t i = 0; i < images_.size(); ++i) {
      std::vector<std::int32_t> wrong;
      std::ranges::set_symmetric_difference(images_.predicted_classes[i], images_.label_classes[i],
                                            std::back_inserter(wrong));
      right.push_back(1 - static_cast<double>(wrong.size()) / static_cast<double>(classes));
    }
    add("accuracy_multi", metric::bootstrap_mean(resamples_, right), "of all predictions, one a class and image");
  }

  void add_loss() {
    const std::vector<double> losses(images_.loss.begin(), images_.loss.end());
    add("loss", metric::bootstrap_mean(resamples_, losses),
        images_.is_multi_label ? "mean binary cross-entropy, nats" : "mean cross-entropy, nats");
  }

  void add_confidence() {
    const std::vector<double> sure(images_.probability.begin(), images_.probability.end());
    add("confidence", metric::bootstrap_mean(resamples_, sure), "mean probability of the most probable class");
  }

  void add_refusals() {
    if (images_.is_refused.empty()) return;
    add("refused", share(images_.is_refused), "images answered with \"none of these\"");
    if (!images_.has_labels) return;
    std::vector<double> is_right;
    std::vector<std::int64_t> groups;
    for (std::size_t i = 0; i < images_.best.size(); ++i) {
      if (images_.is_refused[i]) continue;
      is_right.push_back(images_.is_right[i] ? 1 : 0);
      if (!groups_.empty()) groups.push_back(groups_[i]);
    }
    add("accuracy_of_answered", metric::share_estimate(is_right, groups, resamples_.confidence()),
        "right ones of the images that were not refused");
  }

  std::vector<SummaryNumber> take() { return std::move(numbers_); }

 private:
  const JudgedImages& images_;
  const metric::Resamples& resamples_;
  std::span<const std::int64_t> groups_;
  std::vector<SummaryNumber> numbers_;
};

const ReportRow& average_named(const ClassificationReport& report, const std::string& name) {
  const auto found = std::ranges::find_if(report.averages, [&](const ReportRow& row) { return row.name == name; });
  return found != report.averages.end() ? *found : throw std::out_of_range(name);
}

}  // namespace

const core::OptionTable& InterpretationOptions::fields() {
  static const core::OptionTable table(
      "interpretation",
      {core::field<&InterpretationOptions::threshold>(
           "threshold", "several labels: the probability above which a class is predicted", {0, 1}),
       core::field<&InterpretationOptions::top_k>("top_k", "classes of the top-k accuracy", {1, 1000}),
       core::field<&InterpretationOptions::zero_division>(
           "zero_division", "precision where nothing is predicted, recall where nothing is there: 0 or 1", {0, 1}),
       core::field<&InterpretationOptions::order>("order", "order of the classes in tables and drawings"),
       core::field<&InterpretationOptions::bootstrap>("bootstrap", "intervals that have no formula")});
  return table;
}

Interpretation::Interpretation(predict::KeptPredictions predictions, const InterpretationOptions& options)
    : predictions_(std::move(predictions)), options_(options) {
  InterpretationOptions checked = options;
  if (std::isnan(checked.zero_division)) checked.zero_division = 0;  // undefined numbers count nowhere: in C++ only
  core::validate(checked);
  if (predictions_.size() == 0) {
    throw std::invalid_argument("[interpretation] there are no images; give one at least");
  }
  images_ = judge_images(predictions_, options_.threshold);
  groups_ = group_numbers_of(predictions_.groups);
  judge();
}

void Interpretation::judge() {
  const metric::Resamples resamples(images_.size(), groups_, options_.bootstrap);
  num_groups_ = resamples.groups();
  SummaryMaker summary(images_, resamples, groups_);
  const std::int64_t classes = vocab().size();
  if (has_labels()) {
    binary_ = interpret::binary_counts(images_, classes);
    report_ = interpret::classification_report(images_, vocab().names(), resamples, groups_,
                                               {.zero_division = options_.zero_division});
    if (is_multi_label()) {
      average_precisions_ = metric::average_precisions(predictions_.rows.logits, predictions_.rows.targets, &resamples);
      summary.add("exact_match", summary.share(images_.is_right), "images of which every class is right");
      summary.add_decisions(classes);
      summary.add("f1_micro", average_named(report_, "micro avg").f1, "of all predictions together");
      summary.add("f1_macro", average_named(report_, "macro avg").f1, "mean over the classes");
      summary.add("mean_average_precision", average_precisions_.mean, "mean over the classes that have images");
    } else {
      confusion_ = ConfusionMatrix(images_.label, answers(images_), classes);
      summary.add_accuracy();
      summary.add_top_k(options_.top_k, classes);
      summary.add("balanced_accuracy", report_.balanced_accuracy, "mean recall of the classes that have images");
      summary.add("f1_macro", average_named(report_, "macro avg").f1, "mean over the classes");
    }
    summary.add_loss();
  }
  summary.add_confidence();
  summary.add_refusals();
  summary_ = summary.take();
}

void Interpretation::need_labels(const char* function) const {
  if (has_labels()) return;
  throw std::invalid_argument(
      fmt::format("[{}] needs labels, which these images do not have; see summary(), near_classes() and "
                  "top_losses(k, TopLosses::kBorder)",
                  function));
}

void Interpretation::need_one_label(const char* function, const char* instead) const {
  need_labels(function);
  if (is_multi_label()) {
    throw std::invalid_argument(fmt::format("[{}] is for one label an image; of several use {}", function, instead));
  }
}

const ConfusionMatrix& Interpretation::confusion_matrix() const {
  need_one_label("confusion_matrix", "binary_counts()");
  return confusion_;
}

const std::vector<BinaryCounts>& Interpretation::binary_counts() const {
  need_labels("binary_counts");
  return binary_;
}

std::vector<ConfusedPair> Interpretation::most_confused(std::int64_t min_count) const {
  need_one_label("most_confused", "binary_counts()");
  return interpret::most_confused(confusion_, min_count, options_.bootstrap.confidence);
}

std::vector<std::int32_t> Interpretation::class_order(ClassOrder order) const {
  std::vector<std::int64_t> images_of_class(static_cast<std::size_t>(vocab().size()));
  for (std::size_t k = 0; k < binary_.size(); ++k) images_of_class[k] = binary_[k].support();
  if (!has_labels()) {
    for (const std::int32_t k : images_.best) ++images_of_class[static_cast<std::size_t>(k)];
  }
  std::vector<ClassLink> links;
  if (has_labels() && order == ClassOrder::kCluster) {
    links = is_multi_label() ? confusion_links(images_, vocab().size()) : confusion_links(confusion_);
  }
  return interpret::class_order(order, vocab(), images_of_class, links);
}

const ClassificationReport& Interpretation::classification_report() const {
  need_labels("classification_report");
  return report_;
}

const metric::AveragePrecisions& Interpretation::average_precisions() const {
  need_labels("average_precisions");
  if (!is_multi_label()) throw std::invalid_argument("[average_precisions] is for several labels an image");
  return average_precisions_;
}

std::vector<TopLoss> Interpretation::top_losses(std::int64_t k, TopLosses order) const {
  std::vector<TopLoss> losses;
  for (const std::int64_t row : top_rows(images_, order, k)) losses.push_back(image(row));
  return losses;
}

TopLoss Interpretation::image(std::int64_t row) const { return describe_image(predictions_, images_, row); }

std::vector<NearClasses> Interpretation::near_classes() const {
  std::map<std::pair<std::int32_t, std::int32_t>, NearClasses> pairs;
  for (std::size_t i = 0; i < images_.best.size() && !is_multi_label(); ++i) {
    if (images_.second[i] < 0 || images_.margin[i] >= kNearMargin) continue;
    NearClasses& near = pairs[{images_.best[i], images_.second[i]}];
    near.predicted = images_.best[i];
    near.second = images_.second[i];
    near.mean_margin += images_.margin[i];
    ++near.count;
  }
  std::vector<NearClasses> list;
  for (auto& [classes, near] : pairs) {
    near.mean_margin /= static_cast<double>(near.count);
    list.push_back(near);
  }
  std::ranges::stable_sort(list, std::ranges::greater(), &NearClasses::count);
  return list;
}

}  // namespace margay::interpret
