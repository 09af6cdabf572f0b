#include "margay/run/random_order.h"

#include <algorithm>
#include <utility>

#include "margay/core/checksum.h"
#include "margay/core/random.h"

namespace margay::run {

std::vector<std::size_t> random_order(std::span<const std::string> names, std::uint64_t seed) {
  std::vector<std::pair<std::uint64_t, std::size_t>> keys;
  keys.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    keys.emplace_back(core::Random({seed, core::checksum(names[i])}).next(), i);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::size_t> order;
  order.reserve(keys.size());
  for (const auto& [key, i] : keys) order.push_back(i);
  return order;
}

}  // namespace margay::run
