#include "margay/data/loader/pass_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::data {

std::vector<std::size_t> sample_weighted(std::span<const double> weights, std::size_t count, core::Random random) {
  std::vector<double> ends;  // the weights up to and including each
  ends.reserve(weights.size());
  double sum = 0;
  for (const double weight : weights) {
    if (!std::isfinite(weight) || weight < 0) {
      throw std::invalid_argument(fmt::format("[sampler] a weight must be a number from 0 on, got {}", weight));
    }
    ends.push_back(sum += weight);
  }
  if (!(sum > 0) || !std::isfinite(sum)) throw std::invalid_argument("[sampler] the weights sum up to nothing usable");
  std::vector<std::size_t> drawn(count);
  for (std::size_t& each : drawn) {
    // Behind the last positive weight all ends are equal, so a product rounded up to the sum is taken back to it.
    const double at = std::min(random.uniform() * sum, std::nextafter(sum, 0.0));
    each = static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), at) - ends.begin());
  }
  return drawn;
}

namespace {

constexpr std::uint64_t kShuffleStream = 1;
constexpr std::uint64_t kSamplerStream = 3;

std::vector<std::size_t> draws_of(std::size_t images, std::span<const double> weights, Phase phase,
                                  const LoaderOptions& options, std::int64_t epoch) {
  const auto key = static_cast<std::uint64_t>(epoch);
  if (phase == Phase::kTrain && !weights.empty()) {
    return sample_weighted(weights, images, core::Random{options.seed, key, kSamplerStream});
  }
  if (phase == Phase::kTrain) return core::permutation(images, core::Random{options.seed, key, kShuffleStream});
  std::vector<std::size_t> order(images);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

}  // namespace

std::size_t share_of(std::size_t images, Phase phase, const LoaderOptions& options) {
  const auto world = static_cast<std::size_t>(options.world);
  const auto rank = static_cast<std::size_t>(options.rank);
  const bool has_one_more = phase == Phase::kValid && rank < images % world;
  return images / world + (has_one_more ? 1 : 0);
}

std::int64_t count_batches(std::size_t share, Phase phase, const LoaderOptions& options) {
  const auto n = static_cast<std::int64_t>(share);
  if (phase == Phase::kTrain && options.drop_last && n >= options.batch_size) return n / options.batch_size;
  return (n + options.batch_size - 1) / options.batch_size;
}

std::vector<PassRow> pass_order(std::size_t images, std::span<const double> weights, Phase phase,
                                const LoaderOptions& options, std::int64_t epoch) {
  const std::vector<std::size_t> draws = draws_of(images, weights, phase, options, epoch);
  const std::size_t share = share_of(images, phase, options);
  const auto batches = static_cast<std::size_t>(count_batches(share, phase, options));
  std::vector<PassRow> rows(std::min(share, batches * static_cast<std::size_t>(options.batch_size)));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t draw = i * static_cast<std::size_t>(options.world) + static_cast<std::size_t>(options.rank);
    rows[i] = {draws[draw], draw};
  }
  return rows;
}

}  // namespace margay::data
