#include "margay/interpret/wrong_label_share.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

#include <torch/types.h>

#include "margay/interpret/confident_joint.h"

namespace margay::interpret {
namespace {

constexpr auto kReplicateLanes = static_cast<std::size_t>(metric::Resamples::kLanes);
/// One number for each replicate of a block.
using Lanes = std::array<double, kReplicateLanes>;

/// Shares of wrong labels of data that was drawn again.
struct ReplicatedShares {
  std::vector<std::vector<double>> of_class;  ///< [K][R]; NaN where no image was drawn
  std::vector<double> of_all;                 ///< [R]
};

/// Computes the shares of all replicates of a block at once.
class ShareReplicates {
 public:
  ShareReplicates(const detail::CheckedLabels& checked, const metric::Resamples& resamples)
      : resamples_(resamples),
        images_(static_cast<std::size_t>(checked.labels.size(0))),
        classes_(static_cast<std::size_t>(checked.probabilities.size(1))),
        labels_(checked.labels.data_ptr<std::int64_t>()),
        predictions_(checked.predictions.contiguous()),
        probabilities_(checked.probabilities.data_ptr<double>()) {}

  ReplicatedShares run() {
    find_thresholds();
    ReplicatedShares shares{.of_class = std::vector<std::vector<double>>(classes_), .of_all = {}};
    for (std::size_t block = 0; block < thresholds_.size(); ++block) add_block(block, shares);
    return shares;
  }

 private:
  std::vector<std::uint8_t> counts_of(std::size_t block) const {
    return resamples_.counts(static_cast<std::int64_t>(block));
  }
  std::size_t label(std::size_t image) const { return static_cast<std::size_t>(labels_[image]); }

  /// What a probability must reach in each replicate (confident_joint), and the least of it over all replicates.
  void find_thresholds() {
    least_.assign(classes_, std::numeric_limits<double>::infinity());
    thresholds_.resize(static_cast<std::size_t>(resamples_.blocks()));
    for (std::size_t block = 0; block < thresholds_.size(); ++block) {
      const std::vector<std::uint8_t> counts = counts_of(block);
      std::vector<Lanes> sums(classes_, Lanes{});
      std::vector<Lanes> drawn(classes_, Lanes{});
      for (std::size_t i = 0; i < images_; ++i) {
        const double own = probabilities_[i * classes_ + label(i)];
        Lanes& sum = sums[label(i)];
        Lanes& number = drawn[label(i)];
        for (std::size_t lane = 0; lane < kReplicateLanes; ++lane) {
          const double count = counts[i * kReplicateLanes + lane];
          sum[lane] += count * own;
          number[lane] += count;
        }
      }
      for (std::size_t k = 0; k < classes_; ++k) {
        for (std::size_t lane = 0; lane < kReplicateLanes; ++lane) {
          sums[k][lane] = drawn[k][lane] > 0
                              ? std::max(sums[k][lane] / drawn[k][lane], 2 * kLabelTolerance) - kLabelTolerance
                              : std::numeric_limits<double>::infinity();
          least_[k] = std::min(least_[k], sums[k][lane]);
        }
      }
      thresholds_[block] = std::move(sums);
    }
  }

  void add_block(std::size_t block, ReplicatedShares& shares) const {
    const std::vector<std::uint8_t> counts = counts_of(block);
    std::vector<Lanes> right(classes_, Lanes{});
    std::vector<Lanes> wrong(classes_, Lanes{});
    std::vector<Lanes> drawn(classes_, Lanes{});
    for (std::size_t i = 0; i < images_; ++i) {
      const std::uint8_t* const count = counts.data() + i * kReplicateLanes;
      for (std::size_t lane = 0; lane < kReplicateLanes; ++lane) drawn[label(i)][lane] += count[lane];
      add_image(i, count, thresholds_[block], right[label(i)], wrong[label(i)]);
    }
    const std::size_t first = block * kReplicateLanes;
    const std::size_t lanes = std::min(kReplicateLanes, static_cast<std::size_t>(resamples_.replicates()) - first);
    for (std::size_t lane = 0; lane < lanes; ++lane) add_replicate(lane, right, wrong, drawn, shares);
  }

  /// Adds the image to the right or to the wrong labels of its class in the replicates where it is confidently of a
  /// class. Most images reach the threshold of one class at most in any replicate, so that is all to look at.
  void add_image(std::size_t i, const std::uint8_t* count, const std::vector<Lanes>& thresholds, Lanes& right,
                 Lanes& wrong) const {
    const double* const row = probabilities_ + i * classes_;
    std::array<std::uint8_t, kReplicateLanes> reached{};
    std::array<std::uint8_t, kReplicateLanes> is_own{};
    for (std::size_t k = 0; k < classes_; ++k) {
      if (row[k] < least_[k]) continue;
      for (std::size_t lane = 0; lane < kReplicateLanes; ++lane) {
        const bool reaches = row[k] >= thresholds[k][lane];
        if (reached[lane] < 2) reached[lane] = static_cast<std::uint8_t>(reached[lane] + (reaches ? 1 : 0));
        if (reaches && k == label(i)) is_own[lane] = 1;
      }
    }
    const bool predicts_own = predictions_.data_ptr<std::int64_t>()[i] == labels_[i];
    for (std::size_t lane = 0; lane < kReplicateLanes; ++lane) {
      if (reached[lane] == 0) continue;
      const bool is_right = reached[lane] == 1 ? is_own[lane] != 0 : predicts_own;
      (is_right ? right : wrong)[lane] += count[lane];
    }
  }

  void add_replicate(std::size_t lane, const std::vector<Lanes>& right, const std::vector<Lanes>& wrong,
                     const std::vector<Lanes>& drawn, ReplicatedShares& shares) const {
    double sum = 0;
    double images = 0;
    for (std::size_t k = 0; k < classes_; ++k) {
      const bool is_there = drawn[k][lane] > 0;
      const double share = wrong[k][lane] / (std::max(right[k][lane], 1.0) + wrong[k][lane]);
      shares.of_class[k].push_back(is_there ? share : std::numeric_limits<double>::quiet_NaN());
      if (is_there) sum += drawn[k][lane] * share;
      images += drawn[k][lane];
    }
    shares.of_all.push_back(sum / images);
  }

  const metric::Resamples& resamples_;
  std::size_t images_;
  std::size_t classes_;
  const std::int64_t* labels_;
  torch::Tensor predictions_;
  const double* probabilities_;
  std::vector<std::vector<Lanes>> thresholds_;  ///< [blocks][K]
  std::vector<double> least_;                   ///< [K]
};

/// NaN counts for nothing.
double variance_of(std::span<const double> values) {
  double count = 0;
  double mean = 0;
  double squares = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    ++count;
    const double step = value - mean;
    mean += step / count;
    squares += step * (value - mean);
  }
  return count > 1 ? squares / (count - 1) : 0;
}

/// most: the cases if all were independent.
metric::Estimate share_with_interval(double share, double variance, double most, double confidence) {
  if (std::isnan(share)) return {};
  double cases = std::max(most, 1.0);
  if (variance > 0 && share > 0 && share < 1) cases = std::clamp(share * (1 - share) / variance, 1.0, cases);
  return {.value = share, .interval = metric::wilson_interval(share * cases, cases, confidence)};
}

/// What the confident joint says of the data itself.
struct JointShares {
  std::vector<double> share;  ///< [K]
  std::vector<double> cases;  ///< [K], images that are confidently of a class
  double all = 0;
  double all_cases = 0;
};

JointShares joint_shares(const detail::CheckedLabels& checked) {
  const ConfidentJoint joint = confident_joint(checked.labels, checked.probabilities);
  const torch::Tensor images = torch::bincount(checked.labels, {}, joint.classes());
  JointShares shares;
  for (std::int64_t k = 0; k < joint.classes(); ++k) {
    const auto labelled = images[k].item<double>();
    const auto confident = joint.counts[k].sum().item<double>();
    const bool is_there = labelled > 0;
    shares.share.push_back(is_there ? 1 - joint.counts[k][k].item<double>() / confident
                                    : std::numeric_limits<double>::quiet_NaN());
    shares.cases.push_back(std::min(confident, labelled));
    if (!is_there) continue;
    shares.all += shares.share.back() * labelled / static_cast<double>(checked.labels.size(0));
    shares.all_cases += shares.cases.back();
  }
  return shares;
}

/// How much of an independent case an image is, if nothing else tells: groups / images.
double worth_of_image(const metric::Resamples& resamples) {
  return static_cast<double>(resamples.groups()) / static_cast<double>(resamples.images());
}

}  // namespace

WrongLabelShares wrong_label_shares(const torch::Tensor& labels, const torch::Tensor& probabilities,
                                    std::span<const std::int64_t> groups, const metric::BootstrapOptions& options) {
  const auto checked = detail::checked_labels(labels, probabilities, "wrong_label_shares");
  const metric::Resamples resamples(checked.labels.size(0), groups, options);
  const JointShares joint = joint_shares(checked);
  const ReplicatedShares drawn = ShareReplicates(checked, resamples).run();
  const double worth = worth_of_image(resamples);
  WrongLabelShares shares;
  shares.all = share_with_interval(joint.all, variance_of(drawn.of_all), joint.all_cases * worth, options.confidence);
  for (std::size_t k = 0; k < joint.share.size(); ++k) {
    shares.by_class.push_back(share_with_interval(joint.share[k], variance_of(drawn.of_class[k]),
                                                  joint.cases[k] * worth, options.confidence));
  }
  return shares;
}

WrongLabelShares wrong_multi_label_shares(const torch::Tensor& labels, const torch::Tensor& probabilities,
                                          std::span<const std::int64_t> groups,
                                          const metric::BootstrapOptions& options) {
  const metric::Resamples resamples(labels.size(0), groups, options);
  const double worth = worth_of_image(resamples);
  const auto classes = static_cast<double>(labels.size(1));
  WrongLabelShares shares;
  std::vector<double> mean(static_cast<std::size_t>(options.replicates), 0);
  double value = 0;
  double cases = 0;
  for (std::int64_t k = 0; k < labels.size(1); ++k) {
    const torch::Tensor yes = probabilities.select(1, k).to(torch::kDouble);
    const auto checked = detail::checked_labels(labels.select(1, k).to(torch::kLong).contiguous(),
                                                torch::stack({1 - yes, yes}, 1), "wrong_label_shares");
    const JointShares joint = joint_shares(checked);
    const std::vector<double> drawn = ShareReplicates(checked, resamples).run().of_all;
    shares.by_class.push_back(
        share_with_interval(joint.all, variance_of(drawn), joint.all_cases * worth, options.confidence));
    for (std::size_t r = 0; r < mean.size(); ++r) mean[r] += drawn[r] / classes;
    value += joint.all / classes;
    cases += joint.all_cases * worth;
  }
  shares.all = share_with_interval(value, variance_of(mean), cases, options.confidence);
  return shares;
}

}  // namespace margay::interpret
