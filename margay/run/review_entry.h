#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "margay/data/check/finding.h"
#include "margay/data/item.h"

namespace margay::run {

/// The kind of entries that are drawn at random, as it stands in the journal (data::Decision::finding).
constexpr std::string_view kRandomSample = "random_sample";

/// One image to be decided about, and why.
struct ReviewEntry {
  std::size_t image = 0;  ///< its position in ReviewedData
  /// data::KindText::name of a finding; "conflict" for a decision whose image has changed since; "offered" where only
  /// the content of an image that was decided about is here; kRandomSample.
  std::string kind = "";
  std::string text = "";                      ///< what speaks for it, for a person
  data::Labels suggestion = {};               ///< the labels that it should probably have; empty for none
  std::vector<std::size_t> others = {};       ///< of copies, the other images
  std::vector<data::Evidence> evidence = {};  ///< the finding's
  double probability = 1;                     ///< that there is something to mend, 0 … 1
  double gain = 0;                            ///< probability times worth, see Review

  bool is_sample() const { return kind == kRandomSample; }
};

/// The entries that a finding makes of these images of it that are among the data, in its order: one for each; of
/// copies under one label the first stays and is no entry. Empty for a finding that no decision about an image can
/// mend.
std::vector<ReviewEntry> entries_of(const data::Finding& finding, std::span<const std::size_t> images);
/// Whether an entry of this kind is one of images that are the same under different labels.
bool is_of_two_labels(std::string_view kind);
/// Whether entries_of makes any, given images.
bool can_be_reviewed(data::FindingKind kind);

}  // namespace margay::run
