#include "margay/data/check/near_duplicates.h"

#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/random.h"
#include "margay/core/text.h"
#include "margay/data/check/check_images.h"
#include "margay/data/edits/label_edits.h"

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

/// What is compared: the first image of each group, where it has a fingerprint.
struct Compared {
  std::vector<std::size_t> groups;
  std::vector<const Fingerprint*> fingerprints;
  std::vector<std::uint64_t> hashes;

  std::size_t size() const { return groups.size(); }
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

/// What details of unrelated images of this data correlate by at most, but for one pair in 30,000 if they were normally
/// distributed: the mean of the best orientation and four standard deviations. Drawings of a few strokes, such as
/// digits, correlate highly without being copies. 0 for fewer than 20 images.
double correlation_by_chance(const Compared& all) {
  constexpr std::size_t kFewest = 20;
  constexpr std::size_t kPairs = 500;
  if (all.size() < kFewest) return 0;
  double sum = 0;
  double squares = 0;
  for (std::size_t pair = 0; pair < kPairs; ++pair) {
    core::Random random{pair, all.size()};
    const std::size_t i = random.below(all.size());
    const std::size_t j = (i + 1 + random.below(all.size() - 1)) % all.size();
    double best = -1;
    for (const Orientation& orientation : all_orientations()) {
      best = std::max(best, correlation(*all.fingerprints[i], *all.fingerprints[j], orientation));
    }
    sum += best;
    squares += best * best;
  }
  const double mean = sum / kPairs;
  return mean + 4 * std::sqrt(std::max(0.0, squares / kPairs - mean * mean));
}

/// Joins what is alike, in one orientation after the other.
class AlikeSearch {
 public:
  AlikeSearch(const Compared& all, const CheckOptions& options)
      : all_(all),
        options_(options),
        least_(std::max(options.near_correlation, correlation_by_chance(all))),
        sets_(all.size()),
        is_turned_(all.size()),
        is_cut_(all.size()) {}

  /// Images that are mirrored or upside down meet by a mask of the hashes; those that are transposed, too, by hashes of
  /// the transposed images, which stand behind the others.
  void run() {
    const NearHashes index(all_.hashes, options_.near_bits);
    std::vector<std::uint64_t> with_transposed = all_.hashes;
    for (const Fingerprint* each : all_.fingerprints) with_transposed.push_back(each->transposed_hash());
    const NearHashes transposed(with_transposed, options_.near_bits);
    for (const Orientation& orientation : all_orientations()) {
      search(orientation.is_transposed ? transposed : index, orientation);
    }
  }

  SimilarImages take(const std::vector<ImageGroup>& equal) {
    std::map<std::size_t, std::vector<std::size_t>> members_of_root;
    for (std::size_t i = 0; i < all_.size(); ++i) members_of_root[sets_.root(i)].push_back(i);
    SimilarImages similar;
    for (const auto& [root, members] : members_of_root) {
      if (members.size() > 1) add_group(members, equal, similar);
    }
    for (const std::uint8_t cut : is_cut_) similar.incomplete += cut;
    return similar;
  }

 private:
  std::size_t image(std::size_t position) const { return position < all_.size() ? position : position - all_.size(); }

  void search(const NearHashes& index, const Orientation& orientation) {
    const auto set_of = [&](std::size_t position) { return sets_.root(image(position)); };
    const auto visit = [&](std::size_t a, std::size_t b) {
      const bool is_one_transposed = a < all_.size() && b >= all_.size();
      if (orientation.is_transposed != is_one_transposed) return;
      const std::size_t i = image(a);
      const std::size_t j = image(b);
      const Fingerprint& one = *all_.fingerprints[i];
      const Fingerprint& other = *all_.fingerprints[j];
      if (correlation(one, other, orientation) < least_) return;
      sets_.join(i, j);
      if (!orientation.is_upright()) is_turned_[i] = is_turned_[j] = 1;
    };
    const NearSearch found = index.for_each_pair(orientation.flips(), set_of, visit);
    for (std::size_t i = 0; i < found.cut.size(); ++i) {
      if (found.cut[i] != 0) is_cut_[image(i)] = 1;
    }
  }

  void add_group(const std::vector<std::size_t>& members, const std::vector<ImageGroup>& equal,
                 SimilarImages& similar) const {
    ImageGroup group;
    bool is_turned = false;
    for (const std::size_t i : members) {
      const ImageGroup& own = equal[all_.groups[i]];
      group.insert(group.end(), own.begin(), own.end());
      is_turned = is_turned || is_turned_[i] != 0;
    }
    std::sort(group.begin(), group.end());
    similar.groups.push_back(std::move(group));
    similar.is_turned.push_back(is_turned);
  }

  const Compared& all_;
  const CheckOptions& options_;
  double least_;  ///< correlation of alike images
  Sets sets_;
  std::vector<std::uint8_t> is_turned_;  ///< whether it is like another one only mirrored or turned
  std::vector<std::uint8_t> is_cut_;
};

}  // namespace

SimilarImages similar_images(const std::vector<ImageGroup>& equal, std::span<const ImageFacts> facts,
                             const CheckOptions& options) {
  const Compared all = compared(equal, facts);
  AlikeSearch search(all, options);
  search.run();
  SimilarImages similar = search.take(equal);
  similar.most_compared = most_met_of(2 * all.size());
  return similar;
}

namespace {

using CopyGroup = ImageGroup;

/// Images of equal pixels, each group by its first; single ones too.
std::vector<CopyGroup> equal_images(std::span<const ImageFacts> facts) {
  std::map<std::uint64_t, std::size_t> group_of;
  std::vector<CopyGroup> groups;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    if (!facts[i].is_readable()) continue;
    const auto [known, is_new] = group_of.try_emplace(facts[i].pixel_hash, groups.size());
    if (is_new) groups.emplace_back();
    groups[known->second].push_back(i);
  }
  return groups;
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

  void add(const CopyGroup& group, const Sort& sort, const char* likeness) {
    std::set<Labels> labels;
    std::size_t train = 0;
    std::size_t valid = 0;
    Finding finding;
    for (const std::size_t i : group) {
      finding.paths.push_back(data_.paths[i]);
      if (data_.has_label[i]) labels.insert(labels_of(i));
      train += data_.sides[i] == Side::kTrain ? 1U : 0U;
      valid += data_.sides[i] == Side::kValid ? 1U : 0U;
    }
    const auto tell = [&](FindingKind kind, std::string text) {
      finding.kind = kind;
      finding.text = std::move(text);
      findings_.push_back(finding);
    };
    if (labels.size() > 1) {
      tell(sort.two_labels, fmt::format("{}; labels '{}'", likeness, core::joined(texts_of(labels), "', '")));
      findings_.back().classes = classes_in(labels);
    }
    const bool leaks = train > 0 && valid > 0;
    if (leaks) tell(sort.leak, fmt::format("{}; {} in training, {} in validation", likeness, train, valid));
    if (labels.size() <= 1 && !leaks) tell(sort.harmless, likeness);
  }

  /// Where not all could be compared, a silence would be taken for "no copies".
  void add_incomplete(const SimilarImages& similar) {
    if (similar.incomplete == 0) return;
    findings_.push_back({FindingKind::kNearCut,
                         {},
                         {},
                         fmt::format("{} images were compared with about {} each of those whose hash is near",
                                     similar.incomplete, similar.most_compared)});
  }

  std::vector<Finding> take() { return std::move(findings_); }

 private:
  /// In an order that does not depend on how they were written.
  Labels labels_of(std::size_t i) const {
    Labels labels;
    for (const std::uint32_t id : data_.items.label_ids(i)) labels.push_back(data_.items.label_names()[id]);
    std::sort(labels.begin(), labels.end());
    return labels;
  }

  static std::vector<std::string> texts_of(const std::set<Labels>& labels) {
    std::vector<std::string> texts;
    for (const Labels& each : labels) texts.push_back(core::joined(each, ";"));
    return texts;
  }

  static std::vector<std::string> classes_in(const std::set<Labels>& labels) {
    std::set<std::string> classes;
    for (const Labels& each : labels) classes.insert(each.begin(), each.end());
    return {classes.begin(), classes.end()};
  }

  const LabelledData& data_;
  std::vector<Finding> findings_;
};

/// The parts of a group that hold together without the pairs that were decided to be no copies; those of one image are
/// none.
std::vector<CopyGroup> undecided_copies(const CopyGroup& group, const LabelledData& data) {
  if (data.edits == nullptr) return {group};
  std::vector<CopyGroup> parts;
  std::vector<bool> is_taken(group.size());
  for (std::size_t first = 0; first < group.size(); ++first) {
    if (is_taken[first]) continue;
    std::vector<std::size_t> members = {first};
    is_taken[first] = true;
    for (std::size_t k = 0; k < members.size(); ++k) {
      for (std::size_t other = 0; other < group.size(); ++other) {
        if (is_taken[other]) continue;
        if (data.edits->are_distinct(data.paths.text(group[members[k]]), data.paths.text(group[other]))) continue;
        is_taken[other] = true;
        members.push_back(other);
      }
    }
    std::sort(members.begin(), members.end());
    CopyGroup part;
    for (const std::size_t member : members) part.push_back(group[member]);
    if (part.size() > 1) parts.push_back(std::move(part));
  }
  return parts;
}

bool has_equal_bytes(const CopyGroup& group, std::span<const ImageFacts> facts) {
  return std::all_of(group.begin(), group.end(),
                     [&](std::size_t i) { return facts[i].file_hash == facts[group.front()].file_hash; });
}

}  // namespace

std::vector<Finding> check_duplicates(const LabelledData& data, std::span<const ImageFacts> facts,
                                      const CheckOptions& options) {
  DuplicateCheck check(data);
  const std::vector<CopyGroup> equal = equal_images(facts);
  for (const CopyGroup& group : equal) {
    if (group.size() < 2) continue;
    for (const CopyGroup& part : undecided_copies(group, data)) {
      check.add(part, kEqual, has_equal_bytes(part, facts) ? "same bytes" : "same pixels");
    }
  }
  if (!options.near_duplicates) return check.take();
  const SimilarImages similar = similar_images(equal, facts, options);
  for (std::size_t i = 0; i < similar.groups.size(); ++i) {
    for (const CopyGroup& part : undecided_copies(similar.groups[i], data)) {
      check.add(part, kSimilar, similar.is_turned[i] ? "look alike, mirrored or turned" : "look alike");
    }
  }
  check.add_incomplete(similar);
  return check.take();
}

}  // namespace margay::data
