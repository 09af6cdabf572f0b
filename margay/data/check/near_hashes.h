#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace margay::data {

/// Hashes of 64 bits, sorted by each quarter of their bits in turn, so that pairs that differ in few bits are found
/// without comparing all: multi-index hashing (Norouzi, Punjani, Fleet, "Fast Search in Hamming Space with Multi-Index
/// Hashing", CVPR 2012). Two hashes that differ in few bits differ in fewer still in one of their quarters. 100,000
/// hashes take 6 MB.
class NearHashes {
 public:
  /// radius: the most bits in which near hashes differ, 0 … 16, else std::invalid_argument.
  NearHashes(std::span<const std::uint64_t> hashes, int radius);

  /// Calls visit(i, j), i < j, for every pair with popcount(hash i ^ hash j ^ mask) <= radius, for some more than once,
  /// in no order that means anything. mask: bits in which near hashes are expected to differ.
  template <class Visit>
  void for_each_pair(std::uint64_t mask, Visit&& visit) const {
    for (int quarter = 0; quarter < kQuarters; ++quarter) pairs_of(quarter, mask, visit);
  }

 private:
  static constexpr int kQuarters = 4;
  static constexpr std::size_t kBuckets = 65536;

  struct Member {
    std::uint64_t hash;
    std::uint32_t id;
  };

  /// All hashes, sorted by one quarter of their bits.
  struct Table {
    std::vector<std::uint16_t> flips;  ///< what quarters within this table's radius differ by
    std::vector<std::uint32_t> begin;  ///< of each bucket in members; one more at the end
    std::vector<Member> members;
  };

  static std::uint16_t quarter_of(std::uint64_t hash, int quarter) {
    return static_cast<std::uint16_t>(hash >> (16 * quarter));
  }
  Table table_of(int quarter, std::span<const std::uint64_t> hashes) const;

  template <class Visit>
  void pairs_of(int quarter, std::uint64_t mask, Visit&& visit) const {
    const Table& table = tables_[static_cast<std::size_t>(quarter)];
    for (std::size_t key = 0; key < kBuckets; ++key) {
      if (table.begin[key] == table.begin[key + 1]) continue;
      for (const std::uint16_t flips : table.flips) {
        const std::size_t other = key ^ quarter_of(mask, quarter) ^ flips;
        if (other >= key) pairs_of_buckets(table, key, other, mask, visit);  // the smaller has met the larger
      }
    }
  }

  template <class Visit>
  void pairs_of_buckets(const Table& table, std::size_t key, std::size_t other, std::uint64_t mask,
                        Visit&& visit) const {
    for (std::uint32_t a = table.begin[key]; a < table.begin[key + 1]; ++a) {
      const Member& one = table.members[a];
      for (std::uint32_t b = key == other ? a + 1 : table.begin[other]; b < table.begin[other + 1]; ++b) {
        const Member& two = table.members[b];
        if (std::popcount(one.hash ^ two.hash ^ mask) > radius_) continue;
        one.id < two.id ? visit(std::size_t{one.id}, std::size_t{two.id})
                        : visit(std::size_t{two.id}, std::size_t{one.id});
      }
    }
  }

  int radius_;
  std::vector<Table> tables_;
};

}  // namespace margay::data
