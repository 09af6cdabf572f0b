#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "margay/core/options.h"
#include "margay/data/item.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/part_names.h"

namespace margay::data {

struct RandomSplitOptions {
  double valid_fraction = 0.2;
  std::uint64_t seed = 42;

  static const core::OptionTable& fields();
};

/// A random share becomes the validation set: the same images that fastai's RandomSplitter takes for the same seed and
/// order.
Splitter random_split(RandomSplitOptions options = {});

/// All images are in the training set.
Splitter no_split();

/// Images below a folder called `train` form the training set, those below `valid` the validation set, as with fastai's
/// GrandparentSplitter, at any depth below `root`; the outermost such folder decides. Images below `test` are left out.
/// The splitter throws core::DataError for images below none of them.
Splitter folder_split(const std::filesystem::path& root, const std::string& train = "train",
                      const std::string& valid = "valid");

/// The images with part kValid form the validation set, those with kTrain the training set; all others are left out.
/// parts: of each item. The splitter throws core::DataError naming `place` if training and validation have no label in
/// common: the folders that seem to be a split are then something else.
Splitter part_split(std::vector<std::optional<SplitPart>> parts, std::filesystem::path place);

/// The images listed in a text file form the validation set, as with fastai's FileSplitter. Each line holds a name,
/// relative to `root` or just the file name, with or without extension; empty lines are skipped. Throws core::DataError
/// for a missing file. The splitter throws it for names that are not among the items and for a name that two images
/// have.
Splitter file_list_split(const std::filesystem::path& list, const std::filesystem::path& root);

/// How images are drawn for validation: independently, in proportion by class, or in whole groups.
enum class SplitKind { kRandom, kStratified, kGrouped };

constexpr auto names(SplitKind /*tag*/) {
  return std::array{std::pair{SplitKind::kRandom, "random"}, std::pair{SplitKind::kStratified, "stratified"},
                    std::pair{SplitKind::kGrouped, "grouped"}};
}

/// Every class, and the whole, has the wanted share in the validation set, up to one image per class. Every class with
/// two images or more has one on both sides. With several labels for an image: iterative stratification (Sechidis,
/// Tsoumakas, Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011), rarest class first.
Splitter stratified_split(RandomSplitOptions options = {});

/// No group has images on both sides. Whole groups are drawn at random until the validation share is as near as
/// possible to the wanted one. group: gives the group's name as a label, so regex_labels and folder_labels can make
/// groups.
/// The splitter throws core::DataError for images without a group, and when there is one group only.
Splitter grouped_split(Labeller group, RandomSplitOptions options = {});

/// The groups of items, numbered from 0 in the order of their first images.
struct ItemGroups {
  std::vector<std::uint32_t> of_item;
  std::vector<std::size_t> sizes;  ///< of each group, in images
};

/// group: as for grouped_split. Throws core::DataError for images without a group, naming three.
ItemGroups groups_of(const Items& items, const Labeller& group);

/// Part `fold` of `folds` is the validation set. Each image is in it for exactly one fold.
struct FoldOptions {
  std::int64_t fold = 1;
  std::int64_t folds = 5;
  std::uint64_t seed = 42;

  static const core::OptionTable& fields();
};

/// Random parts whose sizes differ by one at most.
/// All three throw std::invalid_argument for a fold beyond folds, and their splitters core::DataError when there are
/// fewer images (groups) than folds.
Splitter fold_split(FoldOptions options);
/// Every class is spread evenly: its counts differ by one at most (several labels: as stratified_split).
Splitter stratified_fold_split(FoldOptions options);
/// No group is in two parts; the largest groups are dealt first, each to the smallest part.
Splitter grouped_fold_split(Labeller group, FoldOptions options);

/// Items of part `valid` form the validation set, the others the training set, both in the order of the items. part:
/// the part of each item.
Split split_by_parts(const std::vector<std::uint32_t>& part, std::uint32_t valid);

/// Throws std::invalid_argument.
void check_folds(const FoldOptions& options);

/// Throws core::DataError when there are fewer than folds. what: "images", "groups".
void check_enough(const Items& items, std::size_t count, const char* what, const FoldOptions& options);

}  // namespace margay::data
