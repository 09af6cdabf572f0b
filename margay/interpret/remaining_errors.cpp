#include "margay/interpret/remaining_errors.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::interpret {
namespace {

constexpr double kRescaled = 1e100;  ///< likelihoods grow to more than a double holds

void check_sample(const ReviewedSample& sample, double confidence) {
  if (sample.looked_at > sample.population || sample.wrong > sample.looked_at) {
    throw std::invalid_argument(fmt::format("[most_wrong] needs wrong <= looked_at <= population, got {}, {} and {}",
                                            sample.wrong, sample.looked_at, sample.population));
  }
  if (!(confidence > 0 && confidence < 1)) {
    throw std::invalid_argument(fmt::format("[most_wrong] confidence must lie between 0 and 1, got {}", confidence));
  }
}

/// Σ 1/(j+1) over j below `theta`.
double weights_below(std::size_t theta) {
  double sum = 0;
  for (std::size_t j = 0; j < theta; ++j) sum += 1 / static_cast<double>(j + 1);
  return sum;
}

}  // namespace

std::size_t most_wrong(const ReviewedSample& sample, double confidence) {
  check_sample(sample, confidence);
  const auto wrong = static_cast<double>(sample.wrong);
  const auto right = static_cast<double>(sample.looked_at - sample.wrong);
  const std::size_t most = sample.population - (sample.looked_at - sample.wrong);  // L is 0 beyond
  const double limit = 1 / (1 - confidence);
  double weights = weights_below(sample.wrong);  // L is 0 there
  double likelihood = 1;                         // L(θ), up to a factor
  double sum = 0;                                // Σ w(j) L(j), up to the same factor
  std::size_t bound = sample.wrong;
  for (std::size_t theta = sample.wrong; theta <= most; ++theta) {
    const auto next = static_cast<double>(theta + 1);
    weights += 1 / next;
    sum += likelihood / next;
    const bool is_allowed = sum < limit * weights * likelihood;
    if (is_allowed) bound = theta;
    if (theta == most) break;
    // L(θ+1) / L(θ): exact to an ulp, where differences of log factorials would cancel
    const auto others = static_cast<double>(sample.population - theta);
    const double ratio = next / (next - wrong) * ((others - right) / others);
    // From here on M grows: it does if W (1 − ratio) >= w(θ+1) ratio, and the ratio falls while W/w grows.
    if (!is_allowed && weights * (1 - ratio) * (next + 1) >= ratio) break;
    likelihood *= ratio;
    if (likelihood > kRescaled) {
      likelihood /= kRescaled;
      sum /= kRescaled;
    }
  }
  return bound;
}

std::optional<double> estimated_unseen_wrong(const ReviewedSample& sample) {
  check_sample(sample, 0.5);
  if (sample.looked_at == 0) return std::nullopt;
  return static_cast<double>(sample.population - sample.looked_at) * static_cast<double>(sample.wrong) /
         static_cast<double>(sample.looked_at);
}

std::optional<std::size_t> looks_until(const ReviewedSample& sample, std::size_t allowed, double confidence) {
  const auto is_enough = [&](std::size_t more) {
    return most_wrong({sample.population, sample.looked_at + more, sample.wrong}, confidence) <= allowed;
  };
  std::size_t most = sample.population - std::min(sample.looked_at, sample.population);
  if (!is_enough(most)) return std::nullopt;
  std::size_t least = 0;  // each right image lowers the bound or leaves it
  while (least < most) {
    const std::size_t middle = least + (most - least) / 2;
    is_enough(middle) ? most = middle : least = middle + 1;
  }
  return least;
}

}  // namespace margay::interpret
