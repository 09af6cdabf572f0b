#include "margay/metric/bootstrap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "margay/core/quantile.h"
#include "margay/core/random.h"

namespace margay::metric {
namespace {

/// Numbers groups 0 … G-1 in the order of their values; the number of groups.
std::int64_t number_groups(std::span<const std::int64_t> groups, std::vector<std::uint32_t>& of_image) {
  std::vector<std::int64_t> values(groups.begin(), groups.end());
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  of_image.reserve(groups.size());
  for (const std::int64_t group : groups) {
    const auto at = std::lower_bound(values.begin(), values.end(), group);
    of_image.push_back(static_cast<std::uint32_t>(at - values.begin()));
  }
  return static_cast<std::int64_t>(values.size());
}

/// A number below `bound`, which is less than 2^32, without a division (Lemire, "Fast random integer generation in an
/// interval", ACM TOMS 2019, without the rejection: of 2^64 values some occur more often by a part in 2^32).
std::uint64_t draw_below(core::Random& random, std::uint64_t bound) { return ((random.next() >> 32U) * bound) >> 32U; }

Interval interval_of_one_value(double value, double cases, double confidence) {
  if (!(value >= 0 && value <= 1)) return {};
  return wilson_interval(value * cases, cases, confidence);
}

double mean_of_known(std::span<const double> values) {
  double sum = 0;
  double count = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    count += 1;
  }
  return sum / count;  // NaN of none
}

}  // namespace

const core::OptionTable& BootstrapOptions::fields() {
  static const core::OptionTable table(
      "bootstrap",
      {core::field<&BootstrapOptions::replicates>(
           "replicates", "how often images are drawn again for intervals that have no formula", {100, 100'000}),
       core::field<&BootstrapOptions::seed>("bootstrap_seed", "seed of these draws"),
       core::field<&BootstrapOptions::confidence>("confidence", "of the intervals", {0.5, 0.9999})});
  return table;
}

Resamples::Resamples(std::int64_t images, std::span<const std::int64_t> groups, const BootstrapOptions& options)
    : images_(images), num_groups_(images), options_(options) {
  core::validate(options);
  if (!groups.empty() && static_cast<std::int64_t>(groups.size()) != images) {
    throw std::invalid_argument(
        fmt::format("[bootstrap] {} images have {} groups; give one each", images, groups.size()));
  }
  if (!groups.empty()) num_groups_ = number_groups(groups, group_of_image_);
}

std::vector<std::uint8_t> Resamples::counts(std::int64_t block) const {
  const auto groups = static_cast<std::size_t>(num_groups_);
  // Lane by lane first, since a lane's counts stay in the cache while they are drawn.
  std::vector<std::uint8_t> lanes(groups * kLanes);
  at::parallel_for(0, kLanes, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t lane = begin; lane < end; ++lane) {
      core::Random random{options_.seed, static_cast<std::uint64_t>(block * kLanes + lane)};
      std::uint8_t* drawn = lanes.data() + static_cast<std::size_t>(lane) * groups;
      for (std::size_t draw = 0; draw < groups; ++draw) {
        std::uint8_t& count = drawn[draw_below(random, groups)];
        if (count < 255) ++count;  // more than 255 of one group: never, by any chance that matters
      }
    }
  });
  std::vector<std::uint8_t> counts(static_cast<std::size_t>(images_) * kLanes);
  at::parallel_for(0, images_, 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t image = begin; image < end; ++image) {
      const auto from = static_cast<std::size_t>(group(image));
      std::uint8_t* to = counts.data() + static_cast<std::size_t>(image) * kLanes;
      for (std::size_t lane = 0; lane < kLanes; ++lane) to[lane] = lanes[lane * groups + from];
    }
  });
  return counts;
}

Interval Resamples::interval(std::span<double> values, double cases) const {
  const auto end = std::partition(values.begin(), values.end(), [](double value) { return !std::isnan(value); });
  const std::span<double> known(values.begin(), end);
  if (num_groups_ < 2 || known.size() * 2 <= values.size()) return {};
  std::sort(known.begin(), known.end());
  if (known.front() == known.back()) return interval_of_one_value(known.front(), cases, options_.confidence);
  const double tail = (1 - options_.confidence) / 2;
  return {.low = core::sorted_quantile(known, tail), .high = core::sorted_quantile(known, 1 - tail)};
}

Estimate bootstrap_mean(const Resamples& resamples, std::span<const double> values) {
  if (static_cast<std::int64_t>(values.size()) != resamples.images()) {
    throw std::invalid_argument(
        fmt::format("[bootstrap_mean] {} values for {} images", values.size(), resamples.images()));
  }
  std::vector<double> means;
  for (std::int64_t block = 0; block < resamples.blocks(); ++block) {
    const std::vector<std::uint8_t> counts = resamples.counts(block);
    std::array<double, Resamples::kLanes> sums{};
    std::array<double, Resamples::kLanes> drawn{};
    for (std::size_t image = 0; image < values.size(); ++image) {
      if (std::isnan(values[image])) continue;
      const std::uint8_t* count = counts.data() + image * Resamples::kLanes;
      for (std::size_t lane = 0; lane < Resamples::kLanes; ++lane) {
        sums[lane] += count[lane] * values[image];
        drawn[lane] += count[lane];
      }
    }
    for (std::size_t lane = 0; lane < Resamples::kLanes; ++lane) means.push_back(sums[lane] / drawn[lane]);
  }
  means.resize(static_cast<std::size_t>(resamples.replicates()));
  return {.value = mean_of_known(values), .interval = resamples.interval(means, 0)};
}

}  // namespace margay::metric
