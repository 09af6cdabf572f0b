#include "margay/data/check/near_hashes.h"

#include <bit>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::data {
namespace {

constexpr int kMaxRadius = 16;

/// Every pattern of at most `bits` ones; none for bits = -1.
std::vector<std::uint16_t> patterns(int bits) {
  std::vector<std::uint16_t> found;
  for (std::size_t pattern = 0; pattern < 65536; ++pattern) {
    if (std::popcount(pattern) <= bits) found.push_back(static_cast<std::uint16_t>(pattern));
  }
  return found;
}

}  // namespace

NearHashes::NearHashes(std::span<const std::uint64_t> hashes, int radius) : radius_(radius) {
  if (radius < 0 || radius > kMaxRadius) {
    throw std::invalid_argument(fmt::format("[NearHashes] radius must lie in 0 … {}, got {}", kMaxRadius, radius));
  }
  if (hashes.size() > std::numeric_limits<std::uint32_t>::max()) throw std::invalid_argument("[NearHashes] too many");
  for (int quarter = 0; quarter < kQuarters; ++quarter) tables_.push_back(table_of(quarter, hashes));
}

/// With radius = 4 a + b, either one of the first b + 1 quarters differs in at most a bits, or one of the others in at
/// most a - 1: otherwise (b + 1)(a + 1) + (3 - b) a = radius + 1 bits would differ.
NearHashes::Table NearHashes::table_of(int quarter, std::span<const std::uint64_t> hashes) const {
  Table table;
  table.flips = patterns(quarter <= radius_ % kQuarters ? radius_ / kQuarters : radius_ / kQuarters - 1);
  table.begin.assign(kBuckets + 1, 0);
  for (const std::uint64_t hash : hashes) ++table.begin[quarter_of(hash, quarter) + std::size_t{1}];
  for (std::size_t i = 0; i < kBuckets; ++i) table.begin[i + 1] += table.begin[i];
  std::vector<std::uint32_t> next(table.begin.begin(), table.begin.end() - 1);
  table.members.resize(hashes.size());
  for (std::uint32_t i = 0; i < hashes.size(); ++i) {
    table.members[next[quarter_of(hashes[i], quarter)]++] = {hashes[i], i};
  }
  return table;
}

}  // namespace margay::data
