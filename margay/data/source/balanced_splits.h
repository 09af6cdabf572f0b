#pragma once

#include <array>
#include <cstdint>

#include "margay/data/source/splits.h"

namespace margay::data {

/// How images are drawn for validation: each alone; each class in proportion; whole groups.
enum class SplitKind { kRandom, kStratified, kGrouped };

constexpr auto names(SplitKind /*tag*/) {
  return std::array{std::pair{SplitKind::kRandom, "random"}, std::pair{SplitKind::kStratified, "stratified"},
                    std::pair{SplitKind::kGrouped, "grouped"}};
}

/// The share of every class that validates is as wanted, up to one image of each class, and so is that of all; every
/// class with two images or more has one on both sides. With several labels for an image: iterative stratification
/// (Sechidis, Tsoumakas, Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011), rarest class first.
Splitter stratified_split(RandomSplitOptions options = {});

/// No group has images on both sides; the share that validates is as near to the wanted one as whole groups drawn at
/// random make it. group: gives the group's name as a label, so regex_labels and folder_labels make groups.
/// The splitter throws core::DataError for images without a group, and when there is one group only.
Splitter grouped_split(Labeller group, RandomSplitOptions options = {});

/// Part `fold` of `folds` validates. Each image does so in exactly one fold.
struct FoldOptions {
  std::int64_t fold = 1;
  std::int64_t folds = 5;
  std::uint64_t seed = 42;

  static const core::OptionTable& fields();
};

/// Parts drawn at random, of sizes that differ by one at most.
/// All three throw std::invalid_argument for a fold beyond folds, and their splitters core::DataError when there are
/// fewer images (groups) than folds.
Splitter fold_split(FoldOptions options);
/// Every class is spread evenly: its counts differ by one at most (several labels: as stratified_split).
Splitter stratified_fold_split(FoldOptions options);
/// No group is in two parts; the largest groups are dealt first, each to the smallest part.
Splitter grouped_fold_split(Labeller group, FoldOptions options);

}  // namespace margay::data
