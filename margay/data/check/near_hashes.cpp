#include "margay/data/check/near_hashes.h"

#include <limits>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::data {
namespace {

constexpr int kMaxRadius = 16;

/// Every pattern of at most `bits` ones, those of few first; none for bits = -1.
std::vector<std::uint16_t> patterns(int bits) {
  std::vector<std::uint16_t> found;
  for (int ones = 0; ones <= bits; ++ones) {
    for (std::size_t pattern = 0; pattern < 65536; ++pattern) {
      if (std::popcount(pattern) == ones) found.push_back(static_cast<std::uint16_t>(pattern));
    }
  }
  return found;
}

/// The same work for any number of hashes beyond those that can all meet: seconds, less than it takes to read them.
std::size_t most_met_of(std::size_t hashes) {
  constexpr std::size_t kMeetings = std::size_t{1} << 25U;
  constexpr std::size_t kLeast = 64;
  return std::max(kLeast, kMeetings / std::max(hashes, std::size_t{1}));
}

}  // namespace

/// With radius = 4 a + b, either one of the first b + 1 quarters differs in at most a bits, or one of the others in at
/// most a - 1: otherwise (b + 1)(a + 1) + (3 - b) a = radius + 1 bits would differ.
NearHashes::NearHashes(std::span<const std::uint64_t> hashes, int radius)
    : hashes_(hashes), radius_(radius), most_met_(most_met_of(hashes.size())) {
  if (radius < 0 || radius > kMaxRadius) {
    throw std::invalid_argument(fmt::format("[NearHashes] radius must lie in 0 … {}, got {}", kMaxRadius, radius));
  }
  if (hashes.size() >= std::numeric_limits<std::uint32_t>::max()) throw std::invalid_argument("[NearHashes] too many");
  for (int quarter = 0; quarter < kQuarters; ++quarter) {
    flips_[static_cast<std::size_t>(quarter)] = patterns(radius_of(quarter));
  }
}

}  // namespace margay::data
