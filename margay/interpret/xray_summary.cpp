#include "margay/interpret/xray_summary.h"

#include <algorithm>
#include <cmath>

namespace margay::interpret {

double share_of(double part, double whole) {
  if (std::isinf(part)) return 1;
  return whole > 0 ? std::clamp(part / whole, 0.0, 1.0) : 0;
}

std::optional<XraySummary> summarize(const std::vector<NamedLoss>& losses) {
  if (losses.empty()) return std::nullopt;
  double sum = 0;
  for (const NamedLoss& each : losses) sum += each.loss;
  const auto heaviest = std::max_element(losses.begin(), losses.end(),
                                         [](const NamedLoss& a, const NamedLoss& b) { return a.loss < b.loss; });
  return XraySummary{.rows = losses.size(),
                     .mean_loss = sum / static_cast<double>(losses.size()),
                     .heaviest_row = heaviest->name,
                     .heaviest_share = share_of(heaviest->loss, sum)};
}

}  // namespace margay::interpret
