#include "margay/data/check/similar_images.h"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>

#include "margay/data/check/near_hashes.h"

namespace margay::data {
namespace {

/// Sets that grow together (union-find).
class Sets {
 public:
  explicit Sets(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }

  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  /// The smaller root wins, so that the order of joining does not show.
  void join(std::size_t a, std::size_t b) {
    const auto [low, high] = std::minmax({root(a), root(b)});
    parent_[high] = low;
  }

 private:
  std::vector<std::size_t> parent_;
};

bool are_alike(const Fingerprint& a, const Fingerprint& b, const CheckOptions& options) {
  const auto differ = [](std::uint64_t x, std::uint64_t y) { return std::popcount(x ^ y); };
  return (differ(a.hash, b.hash) <= options.near_bits && correlation(a, b) >= options.near_correlation) ||
         (differ(a.hash, b.mirrored_hash()) <= options.near_bits &&
          mirrored_correlation(a, b) >= options.near_correlation);
}

/// What is compared: the first image of each group, where it has a fingerprint.
struct Compared {
  std::vector<std::size_t> groups;
  std::vector<const Fingerprint*> fingerprints;
  std::vector<std::uint64_t> hashes;
};

Compared compared(const std::vector<ImageGroup>& equal, std::span<const ImageFacts> facts) {
  Compared compared;
  for (std::size_t g = 0; g < equal.size(); ++g) {
    const ImageFacts& first = facts[equal[g].front()];
    if (!first.fingerprint || first.is_uniform) continue;
    compared.groups.push_back(g);
    compared.fingerprints.push_back(first.fingerprint.get());
    compared.hashes.push_back(first.fingerprint->hash);
  }
  return compared;
}

std::vector<ImageGroup> joined(const std::vector<ImageGroup>& equal, const Compared& compared, Sets& sets) {
  std::map<std::size_t, std::vector<std::size_t>> groups_of_root;
  for (std::size_t i = 0; i < compared.groups.size(); ++i) groups_of_root[sets.root(i)].push_back(compared.groups[i]);
  std::vector<ImageGroup> similar;
  for (const auto& [root, members] : groups_of_root) {
    if (members.size() < 2) continue;
    ImageGroup& group = similar.emplace_back();
    for (const std::size_t g : members) group.insert(group.end(), equal[g].begin(), equal[g].end());
    std::sort(group.begin(), group.end());
  }
  return similar;
}

}  // namespace

SimilarImages similar_images(const std::vector<ImageGroup>& equal, std::span<const ImageFacts> facts,
                             const CheckOptions& options) {
  const Compared all = compared(equal, facts);
  Sets sets(all.groups.size());
  const NearHashes index(all.hashes, options.near_bits);
  const auto set_of = [&](std::size_t i) { return sets.root(i); };
  const auto compare = [&](std::size_t i, std::size_t j) {
    if (are_alike(*all.fingerprints[i], *all.fingerprints[j], options)) sets.join(i, j);
  };
  const NearSearch upright = index.for_each_pair(0, set_of, compare);
  const NearSearch mirrored = index.for_each_pair(Fingerprint::kMirrored, set_of, compare);
  SimilarImages similar{.groups = joined(equal, all, sets), .most_compared = index.most_met()};
  for (std::size_t i = 0; i < all.groups.size(); ++i) {
    if (upright.cut[i] != 0 || mirrored.cut[i] != 0) ++similar.incomplete;
  }
  return similar;
}

}  // namespace margay::data
