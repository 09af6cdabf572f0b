#include "margay/interpret/label_issues.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/text.h"

namespace margay::interpret {
namespace {

using detail::CheckedLabels;
using Rows = std::vector<std::int64_t>;

/// Beside two classes, how much more probable the label may be made before it counts as the prediction.
constexpr double kTwoClassMargin = 0.05;
/// Weight of the next worse class in the quality of several labels.
constexpr double kWorseClassWeight = 0.8;

/// The rows of each class.
std::vector<Rows> rows_by_label(const CheckedLabels& checked) {
  std::vector<Rows> rows(static_cast<std::size_t>(checked.probabilities.size(1)));
  const auto labels = checked.labels.accessor<std::int64_t, 1>();
  for (std::int64_t row = 0; row < labels.size(0); ++row) rows[static_cast<std::size_t>(labels[row])].push_back(row);
  return rows;
}

/// How many images of class i (row) labelled j (column) are to be flagged, and kept on the diagonal: the joint's
/// transpose with `least_of_class` on the diagonal at least, at the cost of the other entries of its column.
torch::Tensor prune_counts(const ConfidentJoint& joint, const LabelIssueOptions& options) {
  const torch::Tensor counts = joint.calibrated.t().to(torch::kDouble).contiguous();
  const torch::Tensor kept = counts.diagonal().clamp_min(static_cast<double>(options.least_of_class));
  const torch::Tensor added = kept - counts.diagonal();
  const torch::Tensor entries = (counts.ne(0).sum(0).to(torch::kDouble) - 1).clamp_min(1);
  torch::Tensor left = (counts - added / entries).clamp_min(0);
  left.diagonal().copy_(kept);
  const torch::Tensor noise = left * options.fraction;
  noise.diagonal().zero_();
  noise.diagonal().copy_(left.sum(0) - noise.sum(0));
  return detail::rounded_with_row_sums(noise);
}

/// Of these rows the n with the lowest values, of equal values the first ones.
Rows lowest(Rows rows, const std::vector<double>& values, std::int64_t n) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  Rows chosen;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(n, std::ssize(rows)); ++i) {
    chosen.push_back(rows[order[static_cast<std::size_t>(i)]]);
  }
  return chosen;
}

class Pruning {
 public:
  Pruning(const CheckedLabels& checked, const ConfidentJoint& joint, const LabelIssueOptions& options)
      : probabilities_(checked.probabilities.accessor<double, 2>()),
        rows_(rows_by_label(checked)),
        prune_counts_(prune_counts(joint, options)),
        least_of_class_(options.least_of_class) {}

  std::vector<bool> by_noise_rate() const {
    std::vector<bool> flagged(images());
    for (std::int64_t label = 0; label < classes(); ++label) {
      if (is_left_alone(label)) continue;
      for (std::int64_t other = 0; other < classes(); ++other) {
        if (other != label) flag_largest_margins(label, other, flagged);
      }
    }
    return flagged;
  }

  std::vector<bool> by_class() const {
    std::vector<bool> flagged(images());
    const auto counts = prune_counts_.accessor<std::int64_t, 2>();
    for (std::int64_t label = 0; label < classes(); ++label) {
      if (is_left_alone(label)) continue;
      const Rows& rows = rows_[static_cast<std::size_t>(label)];
      std::vector<double> confidence;
      for (const std::int64_t row : rows) confidence.push_back(probabilities_[row][label]);
      for (const std::int64_t row : lowest(rows, confidence, std::ssize(rows) - counts[label][label])) {
        flagged[static_cast<std::size_t>(row)] = true;
      }
    }
    return flagged;
  }

 private:
  std::size_t images() const { return static_cast<std::size_t>(probabilities_.size(0)); }
  std::int64_t classes() const { return probabilities_.size(1); }
  bool is_left_alone(std::int64_t label) const {
    return std::ssize(rows_[static_cast<std::size_t>(label)]) <= least_of_class_;
  }

  /// All whose margin is as large as the n-th largest, so more than n where margins are equal.
  void flag_largest_margins(std::int64_t label, std::int64_t other, std::vector<bool>& flagged) const {
    const Rows& rows = rows_[static_cast<std::size_t>(label)];
    const std::int64_t n = std::min(prune_counts_[other][label].item<std::int64_t>(), std::ssize(rows));
    if (n <= 0) return;
    std::vector<double> margins;
    for (const std::int64_t row : rows) margins.push_back(probabilities_[row][other] - probabilities_[row][label]);
    std::vector<double> sorted = margins;
    std::nth_element(sorted.begin(), sorted.begin() + (n - 1), sorted.end(), std::greater<>());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (margins[i] >= sorted[static_cast<std::size_t>(n - 1)]) flagged[static_cast<std::size_t>(rows[i])] = true;
    }
  }

  torch::TensorAccessor<double, 2> probabilities_;
  std::vector<Rows> rows_;
  torch::Tensor prune_counts_;  // int64 [K,K]
  std::int64_t least_of_class_;
};

torch::Tensor quality_of(const CheckedLabels& checked, LabelQuality score) {
  const torch::Tensor label = checked.labels.unsqueeze(1);
  const torch::Tensor own = checked.probabilities.gather(1, label).squeeze(1);
  if (score == LabelQuality::kSelfConfidence) return own;
  if (score == LabelQuality::kNormalizedMargin) {
    const torch::Tensor others = checked.probabilities.scatter(1, label, -std::numeric_limits<double>::infinity());
    return (own - std::get<0>(others.max(1)) + 1) / 2;
  }
  constexpr double kTiny = std::numeric_limits<double>::min();
  const torch::Tensor entropy = -torch::xlogy(checked.probabilities, checked.probabilities).sum(1);
  const torch::Tensor weighted =
      entropy / std::log(static_cast<double>(checked.probabilities.size(1))) / own.clamp_min(kTiny);
  return torch::log1p(weighted) / weighted.clamp_min(kTiny);
}

/// As many images as are confidently of another class than a label that is not (nearly) their prediction, those with
/// the worst labels.
std::vector<bool> of_lowest_quality(const CheckedLabels& checked, const ConfidentJoint& joint, LabelQuality score) {
  torch::Tensor favoured = checked.probabilities;
  if (favoured.size(1) == 2) {
    favoured = favoured.scatter_add(1, checked.labels.unsqueeze(1),
                                    torch::full({favoured.size(0), 1}, kTwoClassMargin, torch::kDouble));
  }
  const torch::Tensor wrong = favoured.argmax(1).ne(checked.labels);
  const auto count = std::count_if(joint.off_diagonal.begin(), joint.off_diagonal.end(),
                                   [&](std::int64_t row) { return wrong[row].item<bool>(); });
  const torch::Tensor quality = quality_of(checked, score).contiguous();
  Rows rows(static_cast<std::size_t>(quality.size(0)));
  std::iota(rows.begin(), rows.end(), 0);
  const std::vector<double> values(quality.data_ptr<double>(), quality.data_ptr<double>() + quality.size(0));
  std::vector<bool> flagged(rows.size());
  for (const std::int64_t row : lowest(rows, values, count)) flagged[static_cast<std::size_t>(row)] = true;
  return flagged;
}

std::vector<bool> both(std::vector<bool> flagged, const std::vector<bool>& also) {
  for (std::size_t i = 0; i < flagged.size(); ++i) flagged[i] = flagged[i] && also[i];
  return flagged;
}

std::vector<bool> flagged_by(const CheckedLabels& checked, const ConfidentJoint& joint,
                             const LabelIssueOptions& options) {
  const std::size_t images = static_cast<std::size_t>(checked.labels.size(0));
  switch (options.filter) {
    case LabelFilter::kPruneByNoiseRate:
      return Pruning(checked, joint, options).by_noise_rate();
    case LabelFilter::kPruneByClass:
      return Pruning(checked, joint, options).by_class();
    case LabelFilter::kBoth: {
      const Pruning pruning(checked, joint, options);
      return both(pruning.by_noise_rate(), pruning.by_class());
    }
    case LabelFilter::kConfidentLearning: {
      std::vector<bool> flagged(images);
      for (const std::int64_t row : joint.off_diagonal) flagged[static_cast<std::size_t>(row)] = true;
      return flagged;
    }
    case LabelFilter::kLowNormalizedMargin:
      return of_lowest_quality(checked, joint, LabelQuality::kNormalizedMargin);
    case LabelFilter::kLowSelfConfidence:
      return of_lowest_quality(checked, joint, LabelQuality::kSelfConfidence);
    case LabelFilter::kPredictedNeqGiven:
      break;
  }
  return std::vector<bool>(images, true);
}

/// The images whose label is not the prediction; those of the lowest quality may be.
std::vector<bool> contradicted(const CheckedLabels& checked, LabelFilter filter) {
  const bool all = filter == LabelFilter::kLowNormalizedMargin || filter == LabelFilter::kLowSelfConfidence;
  std::vector<bool> differs(static_cast<std::size_t>(checked.labels.size(0)), true);
  const auto labels = checked.labels.accessor<std::int64_t, 1>();
  const auto predictions = checked.predictions.accessor<std::int64_t, 1>();
  for (std::size_t i = 0; !all && i < differs.size(); ++i) {
    differs[i] = labels[static_cast<std::int64_t>(i)] != predictions[static_cast<std::int64_t>(i)];
  }
  return differs;
}

Rows ranked(const std::vector<bool>& flagged, const torch::Tensor& quality) {
  Rows rows;
  std::vector<double> values;
  for (std::size_t i = 0; i < flagged.size(); ++i) {
    if (!flagged[i]) continue;
    rows.push_back(static_cast<std::int64_t>(i));
    values.push_back(quality[static_cast<std::int64_t>(i)].item<double>());
  }
  return lowest(rows, values, std::ssize(rows));
}

void check_issue_options(const LabelIssueOptions& options) {
  if (!(options.fraction >= 0 && options.fraction <= 1) || options.least_of_class < 0) {
    throw std::invalid_argument(
        fmt::format("[find_label_issues] fraction must be 0 … 1 and least_of_class not negative, got {} and {}",
                    options.fraction, options.least_of_class));
  }
}

void check_multi_labels(const torch::Tensor& labels, const torch::Tensor& probabilities) {
  if (labels.dim() != 2 || labels.sizes() != probabilities.sizes() || labels.size(0) < 1 || labels.size(1) < 1) {
    throw std::invalid_argument(
        fmt::format("[find_multi_label_issues] needs labels and probabilities [N,K], got {} and {}",
                    core::joined(labels.sizes(), "×"), core::joined(probabilities.sizes(), "×")));
  }
  if (!labels.eq(0).logical_or(labels.eq(1)).all().item<bool>()) {
    throw std::invalid_argument("[find_multi_label_issues] labels must be 0 or 1");
  }
  if (!probabilities.ge(0).logical_and(probabilities.le(1)).all().item<bool>()) {
    throw std::invalid_argument("[find_multi_label_issues] probabilities must be 0 … 1");
  }
}

/// qualities: float64 [N,K].
torch::Tensor averaged_to_the_worst(const torch::Tensor& qualities) {
  const torch::Tensor sorted = std::get<0>(qualities.sort(1, /*descending=*/true));
  torch::Tensor average = sorted.select(1, 0).clone();
  for (std::int64_t k = 1; k < sorted.size(1); ++k) {
    average.mul_(1 - kWorseClassWeight).add_(sorted.select(1, k), kWorseClassWeight);
  }
  return average;
}

}  // namespace

torch::Tensor label_quality(const torch::Tensor& labels, const torch::Tensor& probabilities, LabelQuality score) {
  return quality_of(detail::checked_labels(labels, probabilities, "label_quality"), score);
}

LabelIssues find_label_issues(const torch::Tensor& labels, const torch::Tensor& probabilities,
                              const LabelIssueOptions& options) {
  check_issue_options(options);
  const CheckedLabels checked = detail::checked_labels(labels, probabilities, "find_label_issues");
  LabelIssues issues;
  issues.joint = confident_joint(checked.labels, checked.probabilities);
  issues.quality = quality_of(checked, options.rank_by);
  issues.ranked =
      ranked(both(flagged_by(checked, issues.joint, options), contradicted(checked, options.filter)), issues.quality);
  return issues;
}

LabelIssues find_multi_label_issues(const torch::Tensor& labels, const torch::Tensor& probabilities,
                                    const LabelIssueOptions& options) {
  check_issue_options(options);
  check_multi_labels(labels, probabilities);
  const torch::Tensor p = probabilities.detach().to(torch::kCPU, torch::kDouble);
  std::vector<bool> flagged(static_cast<std::size_t>(labels.size(0)));
  std::vector<torch::Tensor> qualities;
  for (std::int64_t k = 0; k < labels.size(1); ++k) {
    const torch::Tensor has = p.select(1, k);
    const LabelIssues of_class =
        find_label_issues(labels.select(1, k).to(torch::kLong), torch::stack({1 - has, has}, 1), options);
    for (const std::int64_t row : of_class.ranked) flagged[static_cast<std::size_t>(row)] = true;
    qualities.push_back(of_class.quality);
  }
  LabelIssues issues;
  issues.quality = averaged_to_the_worst(torch::stack(qualities, 1));
  issues.ranked = ranked(flagged, issues.quality);
  return issues;
}

}  // namespace margay::interpret
