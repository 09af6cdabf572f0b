#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "margay/data/check/check_data.h"
#include "margay/data/check/image_facts.h"

namespace margay::data {

/// What a search for near hashes did.
struct NearSearch {
  std::size_t met = 0;            ///< calls of visit
  std::vector<std::uint8_t> cut;  ///< of each hash: not 0 where it has more neighbours than it was allowed to meet
};

/// Hashes of 64 bits, sorted by each quarter of their bits in turn, so that pairs that differ in few bits are found
/// without comparing all: multi-index hashing (Norouzi, Punjani, Fleet, "Fast Search in Hamming Space with Multi-Index
/// Hashing", CVPR 2012). Two hashes that differ in few bits differ in fewer still in one of their quarters.
/// That alone is quadratic where all hashes are near each other. So of hashes that were put into one set a bucket keeps
/// kOfOneSet, and each hash meets at most most_met() earlier ones, those of the nearest bucket and the latest first.
/// The hashes must outlive this.
class NearHashes {
 public:
  static constexpr int kOfOneSet = 8;

  /// radius: the most bits in which near hashes differ, 0 … 16, else std::invalid_argument.
  NearHashes(std::span<const std::uint64_t> hashes, int radius);

  /// Calls visit(i, j), i < j, once for every pair with popcount(hash i ^ hash j ^ mask) <= radius that is not in one
  /// set by then, but for the two limits above, in an order that only the hashes and sets decide. mask: bits in which
  /// near hashes are expected to differ. set_of(i): a number of the set that i is in, which visit may change.
  template <class SetOf, class Visit>
  NearSearch for_each_pair(std::uint64_t mask, SetOf&& set_of, Visit&& visit) const {
    Walk walk{.mask = mask, .search = {.cut = std::vector<std::uint8_t>(hashes_.size())}};
    walk.kept.resize(hashes_.size());
    walk.met.resize(hashes_.size());
    for (int quarter = 0; quarter < kQuarters; ++quarter) {
      walk.quarter = quarter;
      walk.newest.assign(kBuckets, kNone);
      walk.older.assign(hashes_.size(), kNone);
      for (std::uint32_t i = 0; i < hashes_.size(); ++i) {
        if (!meet_neighbours(i, walk, set_of, visit)) walk.search.cut[i] |= bit_of(quarter);
        if (!is_represented(i, walk, set_of)) keep(i, walk);
      }
    }
    return std::move(walk.search);
  }

  /// All, up to 5,792 hashes; fewer, the more there are, and 64 at least.
  std::size_t most_met() const { return most_met_; }

 private:
  static constexpr int kQuarters = 4;
  static constexpr std::size_t kBuckets = 65536;
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  /// A search on its way through one quarter after the other.
  struct Walk {
    std::uint64_t mask;
    NearSearch search;
    int quarter = 0;
    std::vector<std::uint32_t> newest;  ///< of each bucket
    std::vector<std::uint32_t> older;   ///< of each hash: the next of its bucket
    std::vector<std::uint32_t> met;     ///< of each hash: how many it has met
    std::vector<std::uint8_t> kept;     ///< of each hash: the quarters whose buckets hold it
  };

  static std::uint16_t quarter_of(std::uint64_t hash, int quarter) {
    return static_cast<std::uint16_t>(hash >> (16 * quarter));
  }
  static std::uint8_t bit_of(int quarter) { return static_cast<std::uint8_t>(1U << quarter); }

  /// The most bits by which one quarter differs so that the pair is found there.
  int radius_of(int quarter) const { return radius_ / kQuarters - (quarter <= radius_ % kQuarters ? 0 : 1); }

  void keep(std::uint32_t i, Walk& walk) const {
    std::uint32_t& newest = walk.newest[quarter_of(hashes_[i], walk.quarter)];
    walk.older[i] = newest;
    newest = i;
    walk.kept[i] |= bit_of(walk.quarter);
  }

  /// Whether the two have met in an earlier quarter. i is the later one.
  bool have_met(std::uint32_t i, std::uint32_t other, std::uint64_t difference, const Walk& walk) const {
    const std::uint32_t complete = walk.kept[other] & ~std::uint32_t{walk.search.cut[i]};
    for (int q = 0; q < walk.quarter; ++q) {
      if ((complete & bit_of(q)) != 0 && std::popcount(quarter_of(difference, q)) <= radius_of(q)) return true;
    }
    return false;
  }

  /// False where a limit kept it from some.
  template <class SetOf, class Visit>
  bool meet_neighbours(std::uint32_t i, Walk& walk, SetOf& set_of, Visit& visit) const {
    std::size_t examined = 0;
    const auto key =
        static_cast<std::uint16_t>(quarter_of(hashes_[i], walk.quarter) ^ quarter_of(walk.mask, walk.quarter));
    for (const std::uint16_t flips : flips_[static_cast<std::size_t>(walk.quarter)]) {
      for (std::uint32_t other = walk.newest[key ^ flips]; other != kNone; other = walk.older[other]) {
        if (walk.met[i] == most_met_ || examined++ == kExaminedPerVisit * most_met_) return false;
        const std::uint64_t difference = hashes_[i] ^ hashes_[other] ^ walk.mask;
        if (std::popcount(difference) > radius_ || set_of(i) == set_of(other)) continue;
        if (have_met(i, other, difference, walk)) continue;
        visit(std::size_t{other}, std::size_t{i});
        ++walk.met[i];
        ++walk.search.met;
      }
    }
    return true;
  }

  /// Whether the newest of its bucket hold enough of its set.
  template <class SetOf>
  bool is_represented(std::uint32_t i, const Walk& walk, SetOf& set_of) const {
    int of_its_set = 0;
    int examined = 0;
    std::uint32_t other = walk.newest[quarter_of(hashes_[i], walk.quarter)];
    for (; other != kNone && examined < kNewest && of_its_set < kOfOneSet; other = walk.older[other], ++examined) {
      if (set_of(i) == set_of(other)) ++of_its_set;
    }
    return of_its_set == kOfOneSet;
  }

  static constexpr std::size_t kExaminedPerVisit = 8;  ///< examining a hash takes much less time than a visit
  static constexpr int kNewest = 8 * kOfOneSet;

  std::span<const std::uint64_t> hashes_;
  int radius_;
  std::size_t most_met_;
  std::array<std::vector<std::uint16_t>, kQuarters> flips_;  ///< what the quarters of found pairs differ by
};

using ImageGroup = std::vector<std::size_t>;  ///< positions of images, ascending

/// Images that look alike, as far as they were compared.
struct SimilarImages {
  std::vector<ImageGroup> groups;  ///< of two images or more
  std::size_t incomplete = 0;      ///< images that have more of near hash than they were compared with
  std::size_t most_compared = 0;   ///< with so many of them
};

/// Joins groups of equal images whose first ones look alike; the facts hold fingerprints. Images of one colour look
/// like nothing. The work does not grow with the square of the images, whatever they show.
SimilarImages similar_images(const std::vector<ImageGroup>& equal, std::span<const ImageFacts> facts,
                             const CheckOptions& options);

}  // namespace margay::data
