#include "margay/predict/unknown_detector.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <torch/utils.h>

#include "margay/core/field_type.h"
#include "margay/model/weights/weights_file.h"

namespace margay::predict {
namespace {

/// #{s_i >= s} of ascending s_i, int64 [N].
torch::Tensor count_as_high(const torch::Tensor& sorted, const torch::Tensor& scores) {
  return sorted.size(0) - torch::searchsorted(sorted, scores.contiguous());
}

torch::Tensor p_values_of(const torch::Tensor& as_high, std::int64_t n) {
  return (as_high + 1).to(torch::kDouble) / static_cast<double>(n + 1);
}

void check_alpha(double alpha) {
  if (alpha > 0 && alpha < 1) return;
  throw std::invalid_argument(fmt::format("[unknown] `alpha` must be above 0 and below 1, got {}", alpha));
}

/// float [n] without NaN.
torch::Tensor checked_scores(const torch::Tensor& scores) {
  const torch::Tensor values = scores.to(torch::kCPU, torch::kFloat);
  if (values.dim() != 1 || values.isnan().any().item<bool>())
    throw std::invalid_argument("[unknown] calibration scores must be [n] without NaN");
  return values;
}

}  // namespace

std::int64_t refused_rank(std::int64_t n, double alpha) {
  check_alpha(alpha);
  const auto is_refused = [&](std::int64_t k) { return static_cast<double>(k) / static_cast<double>(n + 1) <= alpha; };
  auto k = static_cast<std::int64_t>(alpha * static_cast<double>(n + 1));
  while (is_refused(k + 1)) ++k;  // as p_values rounds
  while (k > 0 && !is_refused(k)) --k;
  return k;
}

std::int64_t fewest_for(double alpha) {
  check_alpha(alpha);
  auto n = static_cast<std::int64_t>(std::ceil(1 / alpha)) - 1;
  while (n > 0 && refused_rank(n - 1, alpha) >= 1) --n;
  while (refused_rank(n, alpha) < 1) ++n;
  return n;
}

KnownScores::KnownScores(const torch::Tensor& scores) : sorted_(std::get<0>(checked_scores(scores).sort())) {}

torch::Tensor KnownScores::p_values(const torch::Tensor& scores) const {
  return p_values_of(count_as_high(sorted_, scores), size());
}

UnknownDetector::UnknownDetector(UnknownScorer scorer, double alpha, RefusalGuarantee guarantee,
                                 std::vector<KnownScores> calibration)
    : scorer_(std::move(scorer)), alpha_(alpha), guarantee_(guarantee), calibration_(std::move(calibration)) {
  check();
}

UnknownDetector::UnknownDetector(UnknownScorer scorer, double alpha, const torch::Tensor& row_scores)
    : scorer_(std::move(scorer)),
      alpha_(alpha),
      guarantee_(RefusalGuarantee::kLeftOut),
      calibration_{KnownScores(row_scores)},
      row_scores_(checked_scores(row_scores)) {
  check();
}

void UnknownDetector::check() const {
  check_alpha(alpha_);
  const bool has_state = (scorer_.score != UnknownScore::kMahalanobis || scorer_.mahalanobis.has_value()) &&
                         (scorer_.score != UnknownScore::kNearest || scorer_.known.has_value());
  if (!has_state)
    throw std::invalid_argument(
        fmt::format("[unknown] the score {} lacks what it needs", core::to_text(scorer_.score)));
  if (calibration_.empty() || (guarantee_ != RefusalGuarantee::kPerClass && calibration_.size() != 1))
    throw std::invalid_argument(
        fmt::format("[unknown] {} calibrations for the guarantee {}", calibration_.size(), core::to_text(guarantee_)));
  if (guarantee_ != RefusalGuarantee::kLeftOut) return;
  const bool fits = row_scores_.defined() && scorer_.score == UnknownScore::kNearest &&
                    row_scores_.size(0) == scorer_.known->rows.size(0) && scorer_.known->k < row_scores_.size(0);
  if (!fits) throw std::invalid_argument("[unknown] left-out scores are those of the nearest known rows, one for each");
}

torch::Tensor UnknownDetector::p_known(const torch::Tensor& logits, const torch::Tensor& features) const {
  if (guarantee_ == RefusalGuarantee::kLeftOut) return left_out_p_values(features);
  if (guarantee_ == RefusalGuarantee::kSplit) return calibration_.front().p_values(scorer_.scores(logits, features));
  const torch::Tensor scores = scorer_.class_scores(logits, features);
  if (scores.size(1) != static_cast<std::int64_t>(calibration_.size()))
    throw std::invalid_argument(
        fmt::format("[unknown] calibrated for {} classes, got {}", calibration_.size(), scores.size(1)));
  torch::Tensor largest = torch::zeros({scores.size(0)}, torch::kDouble);
  for (std::size_t c = 0; c < calibration_.size(); ++c) {
    largest = torch::maximum(largest, calibration_[c].p_values(scores.select(1, static_cast<std::int64_t>(c))));
  }
  return largest;
}

/// Without a row that is among the k nearest, the next one moves up.
torch::Tensor UnknownDetector::left_out_p_values(const torch::Tensor& features) const {
  const KnownRows& known = scorer_.known.value();
  const NearestRows found = known.nearest(features, known.k + 1);
  const torch::Tensor usual = found.distances.select(1, known.k - 1);
  const torch::Tensor without = found.distances.select(1, known.k);
  const torch::Tensor own = row_scores_.take(found.rows.slice(1, 0, known.k));  // [N,k]
  const torch::Tensor gone = (own >= usual.unsqueeze(1)).logical_and(own < without.unsqueeze(1)).sum(1);
  const torch::Tensor as_high = count_as_high(calibration_.front().sorted(), usual) - gone;
  const torch::Tensor finite = features.isfinite().all(1).cpu();
  return p_values_of(as_high.masked_fill(finite.logical_not(), 0), row_scores_.size(0));
}

std::int64_t UnknownDetector::calibration_images() const {
  std::int64_t images = 0;
  for (const KnownScores& scores : calibration_) images += scores.size();
  return images;
}

bool UnknownDetector::can_refuse() const {
  for (const KnownScores& scores : calibration_) {
    if (refused_rank(scores.size(), alpha_) < 1) return false;
  }
  return true;
}

void RefusalCounts::add(const Predictions& predictions, double alpha) {
  if (!predictions.p_known.defined()) return;
  const torch::Tensor is_refused = predictions.p_known <= alpha;
  images += predictions.size();
  refused += is_refused.sum().item<std::int64_t>();
  if (!predictions.targets.defined()) return;
  const std::int64_t classes = predictions.logits.size(1);
  const torch::Tensor members = predictions.targets.dim() == 2
                                    ? predictions.targets.to(torch::kLong)
                                    : torch::one_hot(predictions.targets.clamp_min(0), classes) *
                                          (predictions.targets >= 0).to(torch::kLong).unsqueeze(1);
  if (!class_images.defined()) {
    class_images = torch::zeros({classes}, torch::kLong);
    class_refused = torch::zeros({classes}, torch::kLong);
  }
  class_images += members.sum(0);
  class_refused += (members * is_refused.to(torch::kLong).unsqueeze(1)).sum(0);
}

}  // namespace margay::predict
