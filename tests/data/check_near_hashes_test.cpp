#include <bit>
#include <set>
#include <utility>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "margay/core/random.h"
#include "margay/data/check/near_hashes.h"

namespace margay::data {
namespace {

using Pairs = std::set<std::pair<std::size_t, std::size_t>>;

Pairs found_by_index(const NearHashes& index, std::uint64_t mask) {
  Pairs found;
  index.for_each_pair(mask, [&](std::size_t i, std::size_t j) { found.emplace(i, j); });
  return found;
}

Pairs found_by_brute_force(const std::vector<std::uint64_t>& hashes, int radius, std::uint64_t mask) {
  Pairs found;
  for (std::size_t j = 0; j < hashes.size(); ++j) {
    for (std::size_t i = 0; i < j; ++i) {
      if (std::popcount(hashes[i] ^ hashes[j] ^ mask) <= radius) found.emplace(i, j);
    }
  }
  return found;
}

/// The hash with `bits` drawn ones flipped.
std::uint64_t flipped(std::uint64_t hash, std::uint64_t bits, core::Random& random) {
  std::uint64_t flips = 0;
  while (std::popcount(flips) < static_cast<int>(bits)) flips |= std::uint64_t{1} << random.below(64);
  return hash ^ flips;
}

RC_GTEST_PROP(NearHashes, FindsWhatBruteForceFinds, (std::uint64_t seed)) {
  core::Random random{seed};
  const int radius = static_cast<int>(random.below(17));
  std::vector<std::uint64_t> hashes;
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t centre = random.next();
    for (int k = 0; k < 10; ++k) hashes.push_back(flipped(centre, random.below(22), random));
  }
  const NearHashes index(hashes, radius);
  for (const std::uint64_t mask : {std::uint64_t{0}, random.next(), hashes[0] ^ hashes[11]}) {
    RC_ASSERT(found_by_index(index, mask) == found_by_brute_force(hashes, radius, mask));
  }
}

TEST(NearHashes, FindsPlantedOnesAmongAHundredThousand) {
  core::Random random{1};
  std::vector<std::uint64_t> hashes;
  for (int i = 0; i < 99'000; ++i) hashes.push_back(random.next());
  for (std::size_t i = 0; i < 1'000; ++i) hashes.push_back(flipped(hashes[i], i % 11, random));
  const NearHashes index(hashes, 10);
  const Pairs found = found_by_index(index, 0);
  for (std::size_t i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(found.contains({i, 99'000 + i})) << "at distance " << i % 11;
  }
}

TEST(NearHashes, OfNoneFindsNone) {
  const NearHashes index({}, 16);
  EXPECT_TRUE(found_by_index(index, 0).empty());
}

TEST(NearHashes, RefusesARadiusThatWouldSearchEverything) {
  EXPECT_THROW(NearHashes({}, 17), std::invalid_argument);
  EXPECT_THROW(NearHashes({}, -1), std::invalid_argument);
}

}  // namespace
}  // namespace margay::data
