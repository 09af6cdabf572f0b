#include <map>
#include <numeric>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/data/check/check_pictures.h"
#include "margay/data/check/near_hashes.h"

namespace margay::data {
namespace {

using Group = std::vector<std::size_t>;  ///< positions of pictures, ascending

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

/// Pictures of equal pixels, each group by its first; single ones too.
std::vector<Group> equal_pictures(std::span<const PictureFacts> facts) {
  std::map<std::uint64_t, std::size_t> group_of;
  std::vector<Group> groups;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    if (!facts[i].is_readable()) continue;
    const auto [known, is_new] = group_of.try_emplace(facts[i].pixel_hash, groups.size());
    if (is_new) groups.emplace_back();
    groups[known->second].push_back(i);
  }
  return groups;
}

bool look_alike(const Look& a, const Look& b, const CheckOptions& options) {
  const auto differ = [](std::uint64_t x, std::uint64_t y) { return std::popcount(x ^ y); };
  return (differ(a.hash, b.hash) <= options.near_bits && correlation(a, b) >= options.near_correlation) ||
         (differ(a.hash, b.mirrored_hash()) <= options.near_bits &&
          mirrored_correlation(a, b) >= options.near_correlation);
}

/// Joins groups whose first pictures look alike. Pictures of one colour look like nothing.
std::vector<Group> similar_pictures(const std::vector<Group>& equal, std::span<const PictureFacts> facts,
                                    const CheckOptions& options) {
  std::vector<std::size_t> ids;  // of equal groups
  std::vector<std::uint64_t> hashes;
  for (std::size_t g = 0; g < equal.size(); ++g) {
    const PictureFacts& first = facts[equal[g].front()];
    if (!first.look || first.is_uniform) continue;
    ids.push_back(g);
    hashes.push_back(first.look->hash);
  }
  Sets sets(equal.size());
  const NearHashes index(hashes, options.near_bits);
  const auto look = [&](std::size_t i) -> const Look& { return *facts[equal[ids[i]].front()].look; };
  const auto compare = [&](std::size_t i, std::size_t j) {
    if (sets.root(ids[i]) == sets.root(ids[j])) return;
    if (look_alike(look(i), look(j), options)) sets.join(ids[i], ids[j]);
  };
  index.for_each_pair(0, compare);
  index.for_each_pair(Look::kMirrored, compare);
  std::map<std::size_t, std::vector<std::size_t>> joined;  // equal groups by their root
  for (const std::size_t g : ids) joined[sets.root(g)].push_back(g);
  std::vector<Group> similar;
  for (const auto& [root, members] : joined) {
    if (members.size() < 2) continue;
    Group& group = similar.emplace_back();
    for (const std::size_t g : members) group.insert(group.end(), equal[g].begin(), equal[g].end());
    std::sort(group.begin(), group.end());
  }
  return similar;
}

/// Words and kinds for copies of one sort.
struct Sort {
  FindingKind two_labels;
  FindingKind leak;
  FindingKind harmless;
};
constexpr Sort kEqual{FindingKind::kTwoLabels, FindingKind::kLeak, FindingKind::kDuplicate};
constexpr Sort kSimilar{FindingKind::kNearTwoLabels, FindingKind::kNearLeak, FindingKind::kNearDuplicate};

class DuplicateCheck {
 public:
  explicit DuplicateCheck(const LabelledData& data) : data_(data) {}

  void add(const Group& group, const Sort& sort, const char* likeness) {
    std::set<std::string> labels;
    std::size_t train = 0;
    std::size_t valid = 0;
    Finding finding;
    for (const std::size_t i : group) {
      finding.paths.push_back(data_.paths[i]);
      if (data_.has_label[i]) labels.insert(data_.items.label(i));
      train += data_.sides[i] == Side::kTrain ? 1U : 0U;
      valid += data_.sides[i] == Side::kValid ? 1U : 0U;
    }
    const auto tell = [&](FindingKind kind, std::string text) {
      finding.kind = kind;
      finding.text = std::move(text);
      findings_.push_back(finding);
    };
    if (labels.size() > 1) {
      tell(sort.two_labels, fmt::format("{}; labels '{}'", likeness, fmt::join(labels, "', '")));
      findings_.back().classes.assign(labels.begin(), labels.end());
    }
    const bool leaks = train > 0 && valid > 0;
    if (leaks) tell(sort.leak, fmt::format("{}; {} in training, {} in validation", likeness, train, valid));
    if (labels.size() <= 1 && !leaks) tell(sort.harmless, likeness);
  }

  std::vector<Finding> take() { return std::move(findings_); }

 private:
  const LabelledData& data_;
  std::vector<Finding> findings_;
};

bool has_equal_bytes(const Group& group, std::span<const PictureFacts> facts) {
  return std::all_of(group.begin(), group.end(),
                     [&](std::size_t i) { return facts[i].file_hash == facts[group.front()].file_hash; });
}

}  // namespace

std::vector<Finding> check_duplicates(const LabelledData& data, std::span<const PictureFacts> facts,
                                      const CheckOptions& options) {
  DuplicateCheck check(data);
  const std::vector<Group> equal = equal_pictures(facts);
  for (const Group& group : equal) {
    if (group.size() > 1) check.add(group, kEqual, has_equal_bytes(group, facts) ? "same bytes" : "same pixels");
  }
  if (!options.near_duplicates) return check.take();
  for (const Group& group : similar_pictures(equal, facts, options)) check.add(group, kSimilar, "look alike");
  return check.take();
}

}  // namespace margay::data
