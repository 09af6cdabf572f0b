#include "margay/metric/detection.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

namespace margay::metric {
namespace {

/// A score and whether it is a positive's.
using Scored = std::pair<double, bool>;

void append(std::vector<Scored>& all, const torch::Tensor& scores, bool is_positive) {
  if (!scores.defined() || scores.dim() != 1 || !scores.is_floating_point() || scores.isnan().any().item<bool>())
    throw std::invalid_argument("[detection] scores must be floating [N] without NaN");
  const torch::Tensor values = scores.to(torch::kCPU, torch::kDouble).contiguous();
  const double* const first = values.data_ptr<double>();
  std::for_each(first, first + values.numel(), [&](double score) { all.emplace_back(score, is_positive); });
}

}  // namespace

Detection detection(const torch::Tensor& positives, const torch::Tensor& negatives) {
  std::vector<Scored> all;
  append(all, positives, true);
  append(all, negatives, false);
  const auto p = static_cast<double>(positives.size(0));
  const auto n = static_cast<double>(negatives.size(0));
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (p == 0 || n == 0) return {.auroc = kNone, .aupr = kNone, .fpr_at_95 = kNone};
  std::sort(all.begin(), all.end(), [](const Scored& a, const Scored& b) { return a.first > b.first; });
  Detection result{.auroc = 0, .aupr = 0, .fpr_at_95 = -1};
  double true_positives = 0;
  double false_positives = 0;
  for (std::size_t i = 0; i < all.size();) {
    double more_true = 0;
    double more_false = 0;
    const double score = all[i].first;
    for (; i < all.size() && all[i].first == score; ++i) ++(all[i].second ? more_true : more_false);
    result.auroc += more_false * (true_positives + more_true / 2) / (p * n);
    true_positives += more_true;
    false_positives += more_false;
    result.aupr += more_true / p * true_positives / (true_positives + false_positives);
    if (result.fpr_at_95 < 0 && true_positives >= 0.95 * p) result.fpr_at_95 = false_positives / n;
  }
  return result;
}

}  // namespace margay::metric
