#include <algorithm>
#include <cmath>
#include <numeric>

#include "margay/core/random.h"
#include "margay/data/source/balanced_splits.h"
#include "margay/data/source/fold_split.h"
#include "margay/data/source/iterative_parts.h"

namespace margay::data {
namespace {

/// Single-label rows, class by class, in an order drawn within each class; where each class begins, and one end more.
struct ByClass {
  std::vector<std::size_t> rows;
  std::vector<std::size_t> begins;
};

ByClass by_class(const Items& items, std::uint64_t seed) {
  ByClass result;
  result.begins.assign(items.label_names().size() + 1, 0);
  for (std::size_t i = 0; i < items.size(); ++i) ++result.begins[items.label_ids(i).front() + 1];
  std::partial_sum(result.begins.begin(), result.begins.end(), result.begins.begin());
  std::vector<std::size_t> next = result.begins;
  result.rows.resize(items.size());
  for (const std::size_t row : core::permutation(items.size(), core::Random({seed}))) {
    result.rows[next[items.label_ids(row).front()]++] = row;
  }
  return result;
}

/// How many of the first n validate: the sum over all classes is then off by less than one too.
std::size_t share_of(std::size_t n, double fraction) {
  return static_cast<std::size_t>(std::floor(fraction * static_cast<double>(n) + 1e-9));
}

std::size_t valid_of_class(std::size_t begin, std::size_t end, double fraction) {
  const std::size_t size = end - begin;
  const std::size_t wanted = share_of(end, fraction) - share_of(begin, fraction);
  return size < 2 || fraction == 0 ? 0 : std::clamp<std::size_t>(wanted, 1, size - 1);
}

Split split_single(const Items& items, const RandomSplitOptions& options) {
  const ByClass classes = by_class(items, options.seed);
  Split split;
  for (std::size_t k = 0; k + 1 < classes.begins.size(); ++k) {
    const std::size_t valid = valid_of_class(classes.begins[k], classes.begins[k + 1], options.valid_fraction);
    for (std::size_t i = classes.begins[k]; i < classes.begins[k + 1]; ++i) {
      (i - classes.begins[k] < valid ? split.valid : split.train).push_back(classes.rows[i]);
    }
  }
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.valid.begin(), split.valid.end());
  return split;
}

/// Part 0 validates.
Split split_multi(const Items& items, const RandomSplitOptions& options) {
  if (options.valid_fraction == 0) return no_split()(items);
  return split_by_parts(iterative_parts(items, {options.valid_fraction, 1 - options.valid_fraction}, options.seed), 0);
}

}  // namespace

Splitter stratified_split(RandomSplitOptions options) {
  core::validate(options);
  return [options](const Items& items) {
    return items.task() == Task::kSingleLabel ? split_single(items, options) : split_multi(items, options);
  };
}

Splitter stratified_fold_split(FoldOptions options) {
  check_folds(options);
  return [options](const Items& items) {
    check_enough(items, items.size(), "images", options);
    const auto folds = static_cast<std::size_t>(options.folds);
    const auto valid = static_cast<std::uint32_t>(options.fold - 1);
    if (items.task() == Task::kMultiLabel) {
      const std::vector<double> shares(folds, 1.0 / static_cast<double>(folds));
      return split_by_parts(iterative_parts(items, shares, options.seed), valid);
    }
    const ByClass classes = by_class(items, options.seed);
    std::vector<std::uint32_t> part(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) part[classes.rows[i]] = static_cast<std::uint32_t>(i % folds);
    return split_by_parts(part, valid);
  };
}

const core::OptionTable& FoldOptions::fields() {
  static const core::OptionTable table(
      "fold_split", {core::field<&FoldOptions::fold>("fold", "which part validates, from 1", {1, 1000}),
                     core::field<&FoldOptions::folds>("folds", "how many parts", {2, 1000}),
                     core::field<&FoldOptions::seed>("seed", "the same seed makes the same parts")});
  return table;
}

}  // namespace margay::data
