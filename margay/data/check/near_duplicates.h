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

/// The result of a search for near hashes.
struct NearSearch {
  std::size_t met = 0;            ///< calls of visit
  std::vector<std::uint8_t> cut;  ///< of each hash: not 0 if it has more neighbours than the limit allows
};

/// Finds pairs of 64-bit hashes that differ in few bits without comparing all pairs: the hashes are sorted by each
/// quarter of their bits in turn, which is multi-index hashing (Norouzi, Punjani, Fleet, "Fast Search in Hamming Space
/// with Multi-Index Hashing", CVPR 2012). Two hashes that differ in few bits differ in fewer still in one of their
/// quarters.
/// That alone is quadratic when all hashes are near each other. Therefore a bucket keeps only kOfOneSet hashes of one
/// set, and each hash meets at most most_met() earlier ones, those of the nearest bucket and the latest ones first. The
/// hashes must outlive this object.
class NearHashes {
 public:
  static constexpr int kOfOneSet = 8;

  /// radius: the most bits in which near hashes differ, 0 … 16, else std::invalid_argument.
  NearHashes(std::span<const std::uint64_t> hashes, int radius);

  /// Calls visit(i, j), i < j, once for every pair with popcount(hash i ^ hash j ^ mask) <= radius that is not yet in
  /// one set, apart from the two limits above. The order depends on the hashes and sets only. mask: bits in which near
  /// hashes are expected to differ. set_of(i): the number of the set that i is in, which visit may change.
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

  /// The limit: all hashes up to 5,792 of them; the more there are, the fewer, but at least 64.
  std::size_t most_met() const { return most_met_; }

 private:
  static constexpr int kQuarters = 4;
  static constexpr std::size_t kBuckets = 65536;
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  /// The state of a search, which processes one quarter after the other.
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

  /// The most bits by which a quarter may differ for the pair to be found there.
  int radius_of(int quarter) const { return radius_ / kQuarters - (quarter <= radius_ % kQuarters ? 0 : 1); }

  void keep(std::uint32_t i, Walk& walk) const {
    std::uint32_t& newest = walk.newest[quarter_of(hashes_[i], walk.quarter)];
    walk.older[i] = newest;
    newest = i;
    walk.kept[i] |= bit_of(walk.quarter);
  }

  /// Whether i met the earlier hash `other` in an earlier quarter.
  bool have_met(std::uint32_t i, std::uint32_t other, std::uint64_t difference, const Walk& walk) const {
    const std::uint32_t complete = walk.kept[other] & ~std::uint32_t{walk.search.cut[i]};
    for (int q = 0; q < walk.quarter; ++q) {
      if ((complete & bit_of(q)) != 0 && std::popcount(quarter_of(difference, q)) <= radius_of(q)) return true;
    }
    return false;
  }

  /// Returns false if a limit was reached.
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

  /// Whether the newest hashes of its bucket contain enough of its set.
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
  std::vector<bool> is_turned;     ///< of each group: whether some of its images are alike only mirrored or turned
  std::size_t incomplete = 0;      ///< images with more near hashes than they were compared with
  std::size_t most_compared = 0;   ///< the limit: so many comparisons
};

/// Joins groups of equal images whose first ones look alike, also mirrored, upside down or turned by quarters; the
/// facts hold fingerprints. Images of one colour look like nothing. The work does not grow with the square of the
/// images, whatever they show.
SimilarImages similar_images(const std::vector<ImageGroup>& equal, std::span<const ImageFacts> facts,
                             const CheckOptions& options);

}  // namespace margay::data
