#include "margay/model/fused/channel_rows.h"

#include <algorithm>
#include <numeric>

#include "margay/model/fused/channel_kernel.h"

namespace margay::model::fused {
namespace {

/// Shorter rows would be all overhead.
constexpr std::size_t kShortestRow = 256;
/// Fewer elements are not worth a part.
constexpr std::size_t kFewestElements = 32768;
/// Every part has sums of its own, which cost as much as reading so many rows.
constexpr std::size_t kFewestRows = 128;
constexpr std::size_t kMostParts = 64;

std::size_t divide_up(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

}  // namespace

ChannelRows::ChannelRows(const torch::Tensor& x)
    : channels_(static_cast<std::size_t>(x.size(1))),
      elements_(static_cast<std::size_t>(x.numel())),
      period_(std::lcm(channels_, kRowMultiple)) {
  period_ *= divide_up(kShortestRow, period_);
  const std::size_t wanted =
      std::clamp<std::size_t>(elements_ / std::max(kFewestElements, kFewestRows * period_), 1, kMostParts);
  part_elements_ = divide_up(divide_up(elements_, period_), wanted) * period_;
  parts_ = divide_up(elements_, part_elements_);
}

std::vector<float> ChannelRows::spread(std::span<const float> channels) const {
  std::vector<float> line;
  line.reserve(period_);
  while (line.size() < period_) line.insert(line.end(), channels.begin(), channels.end());
  return line;
}

}  // namespace margay::model::fused
