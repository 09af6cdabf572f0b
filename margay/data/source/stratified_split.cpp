#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>
#include <vector>

#include "margay/core/random.h"
#include "margay/data/item.h"
#include "margay/data/source/splits.h"

namespace margay::data {
namespace {

/// What each part still wants, and who has been dealt.
class Dealer {
 public:
  Dealer(const Items& items, const std::vector<double>& shares, std::uint64_t seed)
      : items_(items), random_({seed, 1}), order_(core::permutation(items.size(), core::Random({seed, 0}))) {
    part_.assign(items.size(), kUndealt);
    for (const double share : shares) wanted_.push_back(share * static_cast<double>(items.size()));
    index_labels();
    for (std::size_t label = 0; label < rows_of_label_.size(); ++label) {
      left_.push_back(rows_of_label_[label].size());
      wanted_of_label_.push_back(wishes(rows_of_label_[label].size(), shares));
    }
  }

  std::vector<std::uint32_t> deal() {
    while (const auto label = rarest_label()) {
      for (const std::uint32_t row : rows_of_label_[*label]) {
        if (part_[row] == kUndealt) give(row, best_part(wanted_of_label_[*label]));
      }
    }
    for (const std::size_t row : order_) {
      if (part_[row] == kUndealt) give(row, best_part(wanted_));
    }
    return part_;
  }

 private:
  static constexpr std::uint32_t kUndealt = ~std::uint32_t{0};

  void index_labels() {
    rows_of_label_.resize(items_.label_names().size());
    for (const std::size_t row : order_) {
      for (const std::uint32_t id : items_.label_ids(row))
        rows_of_label_[id].push_back(static_cast<std::uint32_t>(row));
    }
  }

  static std::vector<double> wishes(std::size_t count, const std::vector<double>& shares) {
    std::vector<double> wishes;
    const double least = count >= shares.size() ? 1 : 0;
    for (const double share : shares) wishes.push_back(std::max(share * static_cast<double>(count), least));
    return wishes;
  }

  std::optional<std::size_t> rarest_label() const {
    std::optional<std::size_t> rarest;
    for (std::size_t label = 0; label < left_.size(); ++label) {
      if (left_[label] > 0 && (!rarest || left_[label] < left_[*rarest])) rarest = label;
    }
    return rarest;
  }

  std::size_t best_part(const std::vector<double>& wish) {
    std::vector<std::size_t> best;
    const auto compare = [&](std::size_t a, std::size_t b) {
      if (wish[a] != wish[b]) return wish[a] > wish[b] ? 1 : -1;
      return wanted_[a] == wanted_[b] ? 0 : (wanted_[a] > wanted_[b] ? 1 : -1);
    };
    for (std::size_t part = 0; part < wish.size(); ++part) {
      const int order = best.empty() ? 0 : compare(part, best.front());
      if (order > 0) best.clear();
      if (order >= 0) best.push_back(part);
    }
    return best.size() == 1 ? best.front() : best[random_.below(best.size())];
  }

  void give(std::size_t row, std::size_t part) {
    part_[row] = static_cast<std::uint32_t>(part);
    wanted_[part] -= 1;
    for (const std::uint32_t id : items_.label_ids(row)) {
      wanted_of_label_[id][part] -= 1;
      --left_[id];
    }
  }

  const Items& items_;
  core::Random random_;
  std::vector<std::size_t> order_;
  std::vector<std::uint32_t> part_;
  std::vector<double> wanted_;  ///< items, by part
  std::vector<std::vector<std::uint32_t>> rows_of_label_;
  std::vector<std::size_t> left_;                     ///< undealt items, by label
  std::vector<std::vector<double>> wanted_of_label_;  ///< by label and part
};

/// Assigns each item to a part 0 … shares.size()-1, so that every label has its share in each part: iterative
/// stratification (Sechidis, Tsoumakas, Vlahavas 2011). The label with the fewest remaining items goes first. Each of
/// its items goes to the part that needs most of that label; if several do, to the one that needs most items, then to a
/// random one. A label with at least as many items as there are parts is needed at least once by each. shares:
/// positive, summing to 1.
std::vector<std::uint32_t> iterative_parts(const Items& items, const std::vector<double>& shares, std::uint64_t seed) {
  return Dealer(items, shares, seed).deal();
}

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
