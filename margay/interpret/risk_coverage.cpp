#include "margay/interpret/risk_coverage.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include <torch/types.h>

namespace margay::interpret {
namespace {

constexpr std::size_t kMostPoints = 200;

/// Cases, the surest first.
struct RankedErrors {
  std::vector<double> errors;       ///< [M], of equal confidences their mean
  std::vector<std::int64_t> order;  ///< [M], positions of the cases
};

RankedErrors ranked_errors(const torch::Tensor& confidences, const torch::Tensor& errors) {
  const torch::Tensor descending = confidences.argsort(0, true).contiguous();
  const torch::Tensor sure = confidences.index_select(0, descending).contiguous();
  const torch::Tensor wrong = errors.to(torch::kDouble).index_select(0, descending).contiguous();
  const auto* const confidence = sure.data_ptr<double>();
  const auto* const error = wrong.data_ptr<double>();
  const auto* const position = descending.data_ptr<std::int64_t>();
  const std::int64_t cases = sure.size(0);
  RankedErrors ranked{.errors = std::vector<double>(static_cast<std::size_t>(cases)),
                      .order = {position, position + cases}};
  for (std::int64_t first = 0; first < cases;) {
    std::int64_t end = first;
    double sum = 0;
    while (end < cases && confidence[end] == confidence[first]) sum += error[end++];
    std::fill(ranked.errors.begin() + first, ranked.errors.begin() + end, sum / static_cast<double>(end - first));
    first = end;
  }
  return ranked;
}

/// The mean of the running means.
double area_of(const std::vector<double>& errors) {
  double wrong = 0;
  double area = 0;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    wrong += errors[i];
    area += wrong / static_cast<double>(i + 1);
  }
  return area / static_cast<double>(errors.size());
}

void add_curve(RiskCoverage& curve, const std::vector<double>& errors) {
  const std::size_t cases = errors.size();
  const std::size_t points = std::min(cases, kMostPoints);
  double wrong = 0;
  for (std::size_t point = 1, i = 0; point <= points; ++point) {
    const std::size_t end = point * cases / points;
    while (i < end) wrong += errors[i++];
    curve.coverage.push_back(static_cast<double>(end) / static_cast<double>(cases));
    curve.risk.push_back(wrong / static_cast<double>(end));
  }
}

/// The area of each replicate: a case that was drawn w times counts w times at its place.
std::vector<double> replicated_areas(const RankedErrors& ranked, const metric::Resamples& resamples) {
  constexpr auto kLanes = static_cast<std::size_t>(metric::Resamples::kLanes);
  const auto per_image = static_cast<std::int64_t>(ranked.order.size()) / resamples.images();
  std::vector<double> areas;
  for (std::int64_t block = 0; block < resamples.blocks(); ++block) {
    const std::vector<std::uint8_t> counts = resamples.counts(block);
    std::array<double, kLanes> cases{};
    std::array<double, kLanes> wrong{};
    std::array<double, kLanes> area{};
    for (std::size_t i = 0; i < ranked.order.size(); ++i) {
      const std::uint8_t* const drawn = counts.data() + static_cast<std::size_t>(ranked.order[i] / per_image) * kLanes;
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const double times = drawn[lane];
        cases[lane] += times;
        wrong[lane] += times * ranked.errors[i];
        area[lane] += times * wrong[lane] / std::max(cases[lane], 1.0);
      }
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) areas.push_back(area[lane] / cases[lane]);
  }
  areas.resize(static_cast<std::size_t>(resamples.replicates()));
  return areas;
}

}  // namespace

double RiskCoverage::coverage_at(double most_risk) const {
  for (std::size_t i = coverage.size(); i-- > 0;) {
    if (risk[i] <= most_risk) return coverage[i];
  }
  return 0;
}

RiskCoverage risk_coverage(const torch::Tensor& confidences, const torch::Tensor& errors,
                           const metric::Resamples* resamples) {
  const bool fits = confidences.dim() == 1 && confidences.scalar_type() == torch::kDouble &&
                    errors.sizes() == confidences.sizes() && confidences.size(0) > 0;
  if (!fits || (resamples != nullptr && confidences.size(0) % resamples->images() != 0)) {
    throw std::invalid_argument("[risk_coverage] expected float64 [M] confidences and as many errors, one at least");
  }
  const RankedErrors ranked = ranked_errors(confidences, errors);
  RiskCoverage curve{.aurc = {.value = area_of(ranked.errors)}};
  add_curve(curve, ranked.errors);
  std::vector<double> best = ranked.errors;
  std::sort(best.begin(), best.end());
  curve.best_aurc = area_of(best);
  if (resamples == nullptr) return curve;
  std::vector<double> areas = replicated_areas(ranked, *resamples);
  curve.aurc.interval = resamples->interval(areas, static_cast<double>(ranked.errors.size()));
  return curve;
}

}  // namespace margay::interpret
