#include "margay/data/loader/pass_plan.h"

#include <algorithm>
#include <cmath>
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

std::vector<std::size_t> draws_of(std::size_t images, std::span<const double> weights, const LoaderOptions& options,
                                  std::int64_t epoch) {
  const auto key = static_cast<std::uint64_t>(epoch);
  if (!weights.empty()) return sample_weighted(weights, images, core::Random{options.seed, key, kSamplerStream});
  return core::permutation(images, core::Random{options.seed, key, kShuffleStream});
}

}  // namespace

int num_micro_batches(const LoaderOptions& options) { return std::max(options.micro_batches, options.world); }

namespace {

/// The micro-batches of this process.
struct OwnMicroBatches {
  explicit OwnMicroBatches(const LoaderOptions& options) : all(num_micro_batches(options)) {
    begin = options.rank * (all / options.world);
    end = begin + all / options.world;
  }
  int all;
  int begin;
  int end;
};

std::vector<PassRow> training_rows(const std::vector<std::size_t>& draws, std::size_t used,
                                   const LoaderOptions& options) {
  const OwnMicroBatches micro(options);
  const auto batch_size = static_cast<std::size_t>(options.batch_size);
  std::vector<PassRow> rows;
  for (std::size_t begin = 0; begin < used; begin += batch_size) {
    const std::size_t end = std::min(used, begin + batch_size);
    for (int m = micro.begin; m < micro.end; ++m) {
      for (std::size_t draw = begin + static_cast<std::size_t>(m); draw < end;
           draw += static_cast<std::size_t>(micro.all)) {
        rows.push_back({draws[draw], draw, static_cast<std::size_t>(m - micro.begin)});
      }
    }
  }
  return rows;
}

std::vector<PassRow> validation_rows(std::size_t images, const LoaderOptions& options) {
  const auto size = static_cast<std::size_t>(rows_per_batch(Phase::kValid, options));
  const auto step = size * static_cast<std::size_t>(options.world);
  std::vector<PassRow> rows;
  for (std::size_t begin = size * static_cast<std::size_t>(options.rank); begin < images; begin += step) {
    for (std::size_t i = begin; i < std::min(images, begin + size); ++i) rows.push_back({i, i});
  }
  return rows;
}

}  // namespace

int rows_per_batch(Phase phase, const LoaderOptions& options) {
  const OwnMicroBatches micro(options);
  if (phase == Phase::kValid) return std::max(1, options.batch_size / micro.all);
  int rows = 0;
  for (int m = micro.begin; m < micro.end; ++m) rows += (options.batch_size - m + micro.all - 1) / micro.all;
  return rows;
}

std::int64_t count_batches(std::size_t images, Phase phase, const LoaderOptions& options) {
  const auto n = static_cast<std::int64_t>(images);
  const std::int64_t size = phase == Phase::kTrain ? options.batch_size : rows_per_batch(phase, options);
  if (phase == Phase::kTrain && options.drop_last && n >= size) return n / size;
  return (n + size - 1) / size;
}

std::int64_t count_own_batches(std::size_t images, Phase phase, const LoaderOptions& options) {
  const std::int64_t all = count_batches(images, phase, options);
  if (phase == Phase::kTrain) return all;
  return all / options.world + (options.rank < all % options.world ? 1 : 0);
}

std::vector<PassRow> pass_order(std::size_t images, std::span<const double> weights, Phase phase,
                                const LoaderOptions& options, std::int64_t epoch) {
  if (phase == Phase::kValid) return validation_rows(images, options);
  const auto batches = static_cast<std::size_t>(count_batches(images, phase, options));
  const std::size_t used = std::min(images, batches * static_cast<std::size_t>(options.batch_size));
  return training_rows(draws_of(images, weights, options, epoch), used, options);
}

}  // namespace margay::data
