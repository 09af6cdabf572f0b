#include "margay/interpret/wrong_label_share.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include <torch/types.h>

#include "margay/interpret/confident_joint.h"
#include "margay/interpret/surest_parts.h"

namespace margay::interpret {
namespace {

using detail::OfParts;
using detail::PartChoice;

/// A share, and what its interval comes from.
struct ShareEvidence {
  double share = 0;
  double cases = 0;                    ///< labels that were counted, if all were independent
  double extrapolated = 0;             ///< what a part of no size would have
  std::vector<double> shares;          ///< [R] of the replicates
  std::vector<double> extrapolations;  ///< [R]
};

metric::Estimate estimate_of(const ShareEvidence& evidence, double confidence) {
  const double share = evidence.share;
  if (std::isnan(share)) return {};
  double cases = std::max(evidence.cases, 1.0);
  const double variance = detail::variance_of(evidence.shares);
  if (variance > 0 && share > 0 && share < 1) cases = std::clamp(share * (1 - share) / variance, 1.0, cases);
  metric::Interval interval = metric::wilson_interval(share * cases, cases, confidence);
  const double errors =
      metric::normal_quantile_two_sided(confidence) * std::sqrt(detail::variance_of(evidence.extrapolations));
  interval.low = std::max(0.0, std::min(interval.low, evidence.extrapolated - errors));
  return {.value = share, .interval = interval};
}

/// How much of an independent case an image is, if nothing else tells: groups / images.
double worth_of_image(const metric::Resamples& resamples) {
  return static_cast<double>(resamples.groups()) / static_cast<double>(resamples.images());
}

/// The shares of one problem of one label per image, and of its replicates.
class DrawnShares {
 public:
  DrawnShares(const detail::CheckedLabels& checked, const metric::Resamples& resamples)
      : DrawnShares(parts_of(checked), resamples) {}

  ShareEvidence of_all() const {
    const OfParts& shares = data_.all.front();
    const double cases = std::accumulate(cases_.begin(), cases_.end(), 0.0,
                                         [this](double sum, const OfParts& each) { return sum + each[part_]; });
    ShareEvidence evidence = evidence_of(shares, cases);
    for (const OfParts& replicate : replicates_.all) add(replicate, choose_(replicate), evidence);
    return evidence;
  }
  /// In the part that is chosen for all.
  ShareEvidence of_class(std::size_t k) const {
    ShareEvidence evidence = evidence_of(data_.of_class[k].front(), cases_[k][part_]);
    for (const OfParts& replicate : replicates_.of_class[k]) add(replicate, part_, evidence);
    return evidence;
  }
  std::size_t classes() const { return cases_.size(); }

 private:
  DrawnShares(const detail::SurestParts& parts, const metric::Resamples& resamples)
      : data_(parts.of_data()),
        replicates_(parts.of_replicates(resamples)),
        cases_(parts.cases()),
        choose_(replicates_.all),
        part_(choose_(data_.all.front())),
        worth_(worth_of_image(resamples)) {}

  static detail::SurestParts parts_of(const detail::CheckedLabels& checked) {
    const torch::Tensor predictions = checked.predictions.contiguous();
    const torch::Tensor surety = std::get<0>(checked.probabilities.max(1)).contiguous();
    const auto images = static_cast<std::size_t>(checked.labels.size(0));
    return {{checked.labels.data_ptr<std::int64_t>(), images},
            {predictions.data_ptr<std::int64_t>(), images},
            {surety.data_ptr<double>(), images},
            static_cast<std::size_t>(checked.probabilities.size(1))};
  }
  ShareEvidence evidence_of(const OfParts& shares, double cases) const {
    return {.share = shares[part_],
            .cases = cases * worth_,
            .extrapolated = detail::extrapolated_share(shares),
            .shares = {},
            .extrapolations = {}};
  }
  static void add(const OfParts& replicate, std::size_t part, ShareEvidence& evidence) {
    evidence.shares.push_back(replicate[part]);
    evidence.extrapolations.push_back(detail::extrapolated_share(replicate));
  }

  detail::PartShares data_;
  detail::PartShares replicates_;
  std::vector<OfParts> cases_;  ///< [K]
  PartChoice choose_;
  std::size_t part_;
  double worth_;
};

void add_scaled(std::vector<double>& sums, const std::vector<double>& values, double scale) {
  sums.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) sums[i] += scale * values[i];
}

}  // namespace

WrongLabelShares wrong_label_shares(const torch::Tensor& labels, const torch::Tensor& probabilities,
                                    std::span<const std::int64_t> groups, const metric::BootstrapOptions& options) {
  const auto checked = detail::checked_labels(labels, probabilities, "wrong_label_shares");
  const DrawnShares drawn(checked, metric::Resamples(checked.labels.size(0), groups, options));
  WrongLabelShares shares;
  shares.all = estimate_of(drawn.of_all(), options.confidence);
  for (std::size_t k = 0; k < drawn.classes(); ++k) {
    shares.by_class.push_back(estimate_of(drawn.of_class(k), options.confidence));
  }
  return shares;
}

WrongLabelShares wrong_multi_label_shares(const torch::Tensor& labels, const torch::Tensor& probabilities,
                                          std::span<const std::int64_t> groups,
                                          const metric::BootstrapOptions& options) {
  const metric::Resamples resamples(labels.size(0), groups, options);
  const double weight = 1 / static_cast<double>(labels.size(1));
  WrongLabelShares shares;
  ShareEvidence mean;
  for (std::int64_t k = 0; k < labels.size(1); ++k) {
    const torch::Tensor yes = probabilities.select(1, k).to(torch::kDouble);
    const auto checked = detail::checked_labels(labels.select(1, k).to(torch::kLong).contiguous(),
                                                torch::stack({1 - yes, yes}, 1), "wrong_label_shares");
    const ShareEvidence own = DrawnShares(checked, resamples).of_all();
    shares.by_class.push_back(estimate_of(own, options.confidence));
    mean.share += weight * own.share;
    mean.cases += own.cases;
    mean.extrapolated += weight * own.extrapolated;
    add_scaled(mean.shares, own.shares, weight);
    add_scaled(mean.extrapolations, own.extrapolations, weight);
  }
  shares.all = estimate_of(mean, options.confidence);
  return shares;
}

}  // namespace margay::interpret
