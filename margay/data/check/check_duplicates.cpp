#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/data/check/check_images.h"
#include "margay/data/check/similar_images.h"

namespace margay::data {
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
      tell(sort.two_labels, fmt::format("{}; labels '{}'", likeness, fmt::join(texts_of(labels), "', '")));
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
    for (const Labels& each : labels) texts.push_back(fmt::format("{}", fmt::join(each, ";")));
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
    if (group.size() > 1) check.add(group, kEqual, has_equal_bytes(group, facts) ? "same bytes" : "same pixels");
  }
  if (!options.near_duplicates) return check.take();
  const SimilarImages similar = similar_images(equal, facts, options);
  for (const CopyGroup& group : similar.groups) check.add(group, kSimilar, "look alike");
  check.add_incomplete(similar);
  return check.take();
}

}  // namespace margay::data
