#include "margay/data/loader/weighted_sample.h"

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

}  // namespace margay::data
