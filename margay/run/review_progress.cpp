#include "margay/run/review_progress.h"

#include <algorithm>
#include <vector>

#include "margay/metric/paired.h"
#include "margay/run/review.h"

namespace margay::run {
namespace {

bool is_change(data::DecisionKind kind) {
  return kind == data::DecisionKind::kRelabel || kind == data::DecisionKind::kDelete;
}

}  // namespace

std::optional<double> RemainingWrong::share_at_most() const {
  if (!at_most || images == 0) return std::nullopt;
  return static_cast<double>(*at_most) / static_cast<double>(images);
}

ReviewProgress Review::progress() const {
  ReviewProgress progress{.distinct = distinct_.size(), .skipped = skipped_.size()};
  for (std::size_t i = 0; i < decided_.size(); ++i) {
    if (decided_[i] == 0) continue;
    const data::DecisionKind kind = journal_.decision(decided_[i]).kind;
    if (kind == data::DecisionKind::kKeep) ++progress.kept;
    if (kind == data::DecisionKind::kRelabel) ++progress.relabelled;
    if (kind == data::DecisionKind::kDelete) ++progress.deleted;
    if (is_change(kind) && data_.validates[i]) ++progress.changed_in_validation;
  }
  for (const ReviewEntry& entry : queue_) {
    if (is_answered(entry) || was_skipped(entry)) continue;
    ++progress.pending;
    ++progress.pending_by_kind[entry.kind];
  }
  return progress;
}

RemainingWrong Review::remaining() const {
  RemainingWrong left{.images = data_.size(), .confidence = options_.confidence};
  const std::size_t prefix = sample_prefix();
  std::size_t found_in_prefix = 0;
  for (std::size_t i = 0; i < sample_order_.size(); ++i) {
    const std::size_t image = sample_order_[i];
    if (is_deleted(image)) --left.images;
    const bool is_mended = decided_[image] != 0 && is_change(journal_.decision(decided_[image]).kind);
    const bool is_in = sample_begin_ == 0 ? decided_[image] == 0 : in_sample_[image];
    if (!is_in) continue;
    ++left.sample.population;
    if (is_mended) ++left.found;
    if (i >= prefix) continue;
    ++left.sample.looked_at;
    if (is_mended || decided_[image] == 0) ++left.sample.wrong;
    if (is_mended) ++found_in_prefix;
  }
  double expected = 0;  // of the queue, before anything is known of the rest
  for (const ReviewEntry& entry : queue_) {
    if (entry.kind == data::words_of(data::FindingKind::kWrongLabel).name && !is_answered(entry)) {
      expected += entry.probability;
    }
  }
  if (sample_begin_ == 0) {
    if (!queue_.empty()) left.estimate = expected;
    return left;
  }
  left.at_most = std::max(interpret::most_wrong(left.sample, options_.confidence), left.found) - left.found;
  if (const auto unseen = interpret::estimated_unseen_wrong(left.sample)) {
    left.estimate = std::max(0.0, *unseen - static_cast<double>(left.found - found_in_prefix));
  }
  return left;
}

std::optional<ValidationErrors> Review::validation_errors() const {
  ValidationErrors errors;
  std::vector<double> before;
  std::vector<double> after;
  for (std::size_t i = 0; i < data_.predicted.size(); ++i) {
    if (!data_.validates[i] || !data_.predicted[i]) continue;
    if (is_deleted(i)) {
      ++errors.deleted;
      continue;
    }
    before.push_back(data::have_same_labels(*data_.predicted[i], data_.labels[i]) ? 0 : 1);
    after.push_back(data::have_same_labels(*data_.predicted[i], labels(i)) ? 0 : 1);
    if (!data::have_same_labels(labels(i), data_.labels[i])) ++errors.relabelled;
  }
  if (before.size() < 2) return std::nullopt;
  errors.images = before.size();
  errors.before = metric::share_estimate(before);
  errors.after = metric::share_estimate(after);
  errors.change = metric::paired_difference(before, after);
  return errors;
}

}  // namespace margay::run
