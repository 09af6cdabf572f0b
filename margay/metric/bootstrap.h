#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "margay/core/options.h"
#include "margay/metric/interval.h"

namespace margay::metric {

struct BootstrapOptions {
  std::int64_t replicates = 1000;
  std::uint64_t seed = 42;
  double confidence = 0.95;

  static const core::OptionTable& fields();
};

/// Images drawn again and again, with replacement, as often as there are: the bootstrap (Efron, Tibshirani, "An
/// Introduction to the Bootstrap", 1993). Where images come in groups whole groups are drawn (Davison, Hinkley,
/// "Bootstrap Methods and their Application", 1997, 3.8; Field, Welsh, "Bootstrapping clustered data", JRSS B 2007).
/// Replicate r is a function of (seed, r) alone, so results depend on no number of threads. All statistics of one
/// Resamples see the same draws.
class Resamples {
 public:
  /// groups: one number an image, any values; empty: each image is one. Throws std::invalid_argument for options out of
  /// range and another number of groups than of images.
  Resamples(std::int64_t images, std::span<const std::int64_t> groups, const BootstrapOptions& options = {});

  std::int64_t images() const { return images_; }
  std::int64_t groups() const { return num_groups_; }
  std::int64_t replicates() const { return options_.replicates; }
  double confidence() const { return options_.confidence; }

  /// How often each image occurs in a replicate is known in blocks of kLanes replicates: fixed, so that compilers
  /// compute a block as vectors.
  static constexpr std::int64_t kLanes = 64;
  std::int64_t blocks() const { return (replicates() + kLanes - 1) / kLanes; }
  /// uint8 [images][kLanes]: how often each image occurs in the replicates block · kLanes + lane. Lanes beyond the last
  /// replicate are there, too, and count for nothing. The counts of one block take 64 bytes an image.
  std::vector<std::uint8_t> counts(std::int64_t block) const;

  /// Independent of each other: 0 … groups()-1, for images of one group the same.
  std::int64_t group(std::int64_t image) const {
    return group_of_image_.empty() ? image : group_of_image_[static_cast<std::size_t>(image)];
  }

  /// The percentile interval of a statistic: the (1 ∓ confidence) / 2 quantiles of its replicates, interpolated
  /// linearly as numpy's percentile. Replicates that are NaN (a class that was not drawn) do not count; unknown if more
  /// than half of them are, and for fewer than two groups. Where all replicates have one value, as when everything is
  /// right, there is nothing to take quantiles of: then it is Wilson's interval of a share of that value among `cases`
  /// cases. Reorders `values`.
  Interval interval(std::span<double> values, double cases) const;

 private:
  std::int64_t images_;
  std::int64_t num_groups_;
  std::vector<std::uint32_t> group_of_image_;  ///< empty: each image is one
  BootstrapOptions options_;
};

/// The mean of values with its percentile interval; unknown where all values are the same. NaN counts in no mean.
/// values: [images of the resamples].
Estimate bootstrap_mean(const Resamples& resamples, std::span<const double> values);

}  // namespace margay::metric
