#include "margay/run/review_entry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace margay::run {
namespace {

/// What mending a finding of a kind is worth, in wrong labels, and how probable it is without evidence.
struct ReviewWorth {
  data::FindingKind kind;
  double worth;
  double probability;
};

constexpr std::array kWorths = {
    ReviewWorth{data::FindingKind::kWrongLabel, 1, .5},    ReviewWorth{data::FindingKind::kTwoLabels, 1, 1},
    ReviewWorth{data::FindingKind::kNearTwoLabels, 1, .5}, ReviewWorth{data::FindingKind::kLeak, .5, 1},
    ReviewWorth{data::FindingKind::kNearLeak, .5, .5},     ReviewWorth{data::FindingKind::kOutlier, .5, .5},
    ReviewWorth{data::FindingKind::kEmptyFile, .25, 1},    ReviewWorth{data::FindingKind::kTruncated, .25, 1},
    ReviewWorth{data::FindingKind::kUnreadable, .25, 1},   ReviewWorth{data::FindingKind::kUniform, .25, 1},
    ReviewWorth{data::FindingKind::kDuplicate, .1, 1},     ReviewWorth{data::FindingKind::kNearDuplicate, .1, .5}};

const ReviewWorth* worth_of(data::FindingKind kind) {
  const auto* found = std::find_if(kWorths.begin(), kWorths.end(), [&](const auto& each) { return each.kind == kind; });
  return found == kWorths.end() ? nullptr : found;
}

bool is_of_copies(data::FindingKind kind) {
  using enum data::FindingKind;
  return kind == kTwoLabels || kind == kNearTwoLabels || kind == kLeak || kind == kNearLeak || kind == kDuplicate ||
         kind == kNearDuplicate;
}

bool has_two_labels(data::FindingKind kind) {
  return kind == data::FindingKind::kTwoLabels || kind == data::FindingKind::kNearTwoLabels;
}

/// copies: images of the finding.
double probability_of(const data::Finding& finding, const ReviewWorth& worth, std::size_t copies) {
  double probability = worth.probability;
  if (const auto quality = finding.evidence_of("label_quality")) probability = 1 - *quality;
  if (const auto given = finding.evidence_of("given_probability")) probability = 1 - *given;
  if (const auto p_value = finding.evidence_of("p_value")) probability = 1 - *p_value;
  if (has_two_labels(finding.kind)) probability *= static_cast<double>(copies - 1) / static_cast<double>(copies);
  return std::isfinite(probability) ? std::clamp(probability, 0.0, 1.0) : worth.probability;
}

}  // namespace

bool is_of_two_labels(std::string_view kind) {
  const auto known = data::kind_named(kind);
  return known && has_two_labels(*known);
}

bool can_be_reviewed(data::FindingKind kind) { return worth_of(kind) != nullptr; }

std::vector<ReviewEntry> entries_of(const data::Finding& finding, std::span<const std::size_t> images) {
  const ReviewWorth* worth = worth_of(finding.kind);
  if (worth == nullptr) return {};
  ReviewEntry entry{.kind = data::words_of(finding.kind).name,
                    .text = finding.text,
                    .suggestion = finding.suggestion,
                    .evidence = finding.evidence};
  entry.probability = probability_of(finding, *worth, finding.paths.size());
  entry.gain = entry.probability * worth->worth;
  std::vector<ReviewEntry> entries;
  // Of copies one may stay; of those under different labels any may be the wrong one.
  const bool leaves_one = is_of_copies(finding.kind) && !has_two_labels(finding.kind);
  for (std::size_t i = leaves_one && images.size() > 1 ? 1 : 0; i < images.size(); ++i) {
    entry.image = images[i];
    entry.others.clear();
    if (is_of_copies(finding.kind)) {
      std::copy_if(images.begin(), images.end(), std::back_inserter(entry.others),
                   [&](std::size_t other) { return other != entry.image; });
    }
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace margay::run
