#include "margay/data/source/iterative_parts.h"

#include <algorithm>
#include <optional>

#include "margay/core/random.h"

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

}  // namespace

std::vector<std::uint32_t> iterative_parts(const Items& items, const std::vector<double>& shares, std::uint64_t seed) {
  return Dealer(items, shares, seed).deal();
}

}  // namespace margay::data
