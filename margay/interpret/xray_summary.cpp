#include "margay/interpret/xray_summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace margay::interpret {

namespace {

/// Of parts, where the sum overflows.
double mean(const std::vector<double>& losses) {
  const auto count = static_cast<double>(losses.size());
  const double sum = std::accumulate(losses.begin(), losses.end(), 0.0);
  if (std::isfinite(sum)) return sum / count;
  return std::accumulate(losses.begin(), losses.end(), 0.0,
                         [&](double all, double each) { return all + each / count; });
}

}  // namespace

double share_of(double part, double whole) {
  if (std::isinf(part)) return 1;
  return whole > 0 ? std::clamp(part / whole, 0.0, 1.0) : 0;
}

std::vector<double> shares_of(const std::vector<double>& losses) {
  if (losses.empty()) return {};
  const double top = *std::max_element(losses.begin(), losses.end());
  std::vector<double> shares;
  shares.reserve(losses.size());
  for (const double loss : losses) shares.push_back(loss == top && top > 0 ? 1 : share_of(loss, top));
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share = share_of(share, sum);
  return shares;
}

std::optional<XraySummary> summarize(const std::vector<RowLoss>& losses) {
  if (losses.empty()) return std::nullopt;
  std::vector<double> numbers;
  for (const RowLoss& each : losses) numbers.push_back(each.loss);
  const auto heaviest = std::max_element(numbers.begin(), numbers.end()) - numbers.begin();
  return XraySummary{.rows = losses.size(),
                     .mean_loss = mean(numbers),
                     .heaviest_row = losses[static_cast<std::size_t>(heaviest)].name,
                     .heaviest_share = shares_of(numbers)[static_cast<std::size_t>(heaviest)]};
}

}  // namespace margay::interpret
