#include "margay/predict/near_copies.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <torch/utils.h>

#include "margay/core/checksum.h"
#include "margay/data/check/fingerprint.h"
#include "margay/data/check/near_duplicates.h"
#include "margay/predict/whitened_features.h"

namespace margay::predict {
namespace {

using Positions = std::vector<std::int64_t>;

torch::Tensor rows_at(const torch::Tensor& rows, const Positions& positions) {
  return rows.index_select(0, torch::tensor(positions, torch::kLong));
}

/// Two images and how alike they are.
struct AlikePair {
  float similarity;
  std::int64_t a;
  std::int64_t b;
};

double quantile_of(const torch::Tensor& values, double share) {
  const torch::Tensor sorted = std::get<0>(values.to(torch::kDouble).sort());
  return sorted[static_cast<std::int64_t>(share * static_cast<double>(sorted.size(0) - 1))].item<double>();
}

/// Groups that grow as alike images are joined. The smaller number wins, so that the order does not show.
class GrowingGroups {
 public:
  explicit GrowingGroups(std::size_t images) : parent_(images), size_(images, 1) {
    std::iota(parent_.begin(), parent_.end(), std::int64_t{0});
  }

  std::int64_t root(std::int64_t i) {
    while (at(parent_, i) != i) i = at(parent_, i) = at(parent_, at(parent_, i));
    return i;
  }
  /// Whether they are in one group afterwards: not if it would be larger than `most`.
  bool join(std::int64_t a, std::int64_t b, std::int64_t most) {
    const auto [low, high] = std::minmax({root(a), root(b)});
    if (low == high) return true;
    if (at(size_, low) + at(size_, high) > most) return false;
    at(parent_, high) = low;
    at(size_, low) += at(size_, high);
    return true;
  }

 private:
  static std::int64_t& at(Positions& values, std::int64_t i) { return values[static_cast<std::size_t>(i)]; }

  Positions parent_;
  Positions size_;
};

/// The classes of images by number; several labels: images of the same labels are a class.
std::vector<std::int64_t> classes_of(const torch::Tensor& targets, std::size_t images) {
  std::vector<std::int64_t> classes(images, 0);
  if (!targets.defined()) return classes;
  const torch::Tensor rows = targets.contiguous();
  std::map<std::vector<float>, std::int64_t> number_of;
  for (std::size_t i = 0; i < images; ++i) {
    if (rows.dim() == 1) {
      classes[i] = rows.data_ptr<std::int64_t>()[i];
      continue;
    }
    const float* begin = rows.data_ptr<float>() + static_cast<std::int64_t>(i) * rows.size(1);
    const std::vector<float> labels(begin, begin + rows.size(1));
    classes[i] = number_of.try_emplace(labels, static_cast<std::int64_t>(number_of.size())).first->second;
  }
  return classes;
}

class NearCopySearch {
 public:
  explicit NearCopySearch(const Features& features)
      : features_(features),
        images_(static_cast<std::size_t>(features.size())),
        rows_(features.rows.contiguous()),
        classes_(classes_of(features.targets, images_)),
        groups_(images_) {
    for (std::size_t i = 0; i < images_; ++i) members_[classes_[i]].push_back(static_cast<std::int64_t>(i));
  }

  /// The group of each image, any numbers.
  Positions run(NearCopies& result) {
    const torch::NoGradGuard no_grad;
    join_equal();
    if (rows_.isfinite().all().item<bool>()) compare(result);
    join_by_hash(result.least_similarity);
    join_alike(result);
    Positions group(images_);
    for (std::size_t i = 0; i < images_; ++i) group[i] = groups_.root(static_cast<std::int64_t>(i));
    return group;
  }

 private:
  static constexpr std::int64_t kAnySize = std::numeric_limits<std::int64_t>::max();

  std::span<const float> row(std::size_t i) const {
    const auto size = static_cast<std::size_t>(rows_.size(1));
    return {rows_.data_ptr<float>() + i * size, size};
  }
  bool are_equal(std::size_t i, std::size_t j) const { return std::ranges::equal(row(i), row(j)); }

  void join_equal() {
    std::unordered_map<std::uint64_t, std::size_t> first_of;
    for (std::size_t i = 0; i < images_; ++i) {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(row(i).data());
      const std::uint64_t sum = core::checksum({bytes, row(i).size_bytes()});
      const std::size_t first = first_of.try_emplace(sum, i).first->second;
      if (are_equal(i, first)) groups_.join(static_cast<std::int64_t>(first), static_cast<std::int64_t>(i), kAnySize);
    }
  }

  /// Finds the least similarity of near copies, and the pairs of each class that reach it.
  void compare(NearCopies& result) {
    if (images_ < 2 || features_.changed.ids.empty()) return;
    const WhitenedFeatures space(rows_);
    directions_ = space.directions(rows_);
    const std::optional<double> least = least_similarity(space);
    if (!least) {
      directions_ = torch::Tensor();
      result.note =
          "to this network a changed view of an image is no more like it than other images are, so only "
          "images that look the same are taken for near copies";
      return;
    }
    result.least_similarity = *least;
    for (const auto& [label, members] : members_) compare_class(members, *least);
    if (compared_in_part_ == 0) return;
    result.note = fmt::format("{} images are of classes too large to compare all pairs", compared_in_part_);
  }

  /// Nothing where the network does not tell near copies from other images.
  std::optional<double> least_similarity(const WhitenedFeatures& space) {
    Positions originals;
    std::vector<float> others;
    for (const std::size_t id : features_.changed.ids) {
      originals.push_back(std::lower_bound(features_.ids.begin(), features_.ids.end(), id) - features_.ids.begin());
      others.push_back(most_alike_by_chance(originals.back()));
    }
    const torch::Tensor changed = (rows_at(directions_, originals) * space.directions(features_.changed.rows)).sum(1);
    const double by_chance = std::max(0.0, quantile_of(torch::tensor(others), 0.5));
    if (by_chance >= quantile_of(changed, 0.1)) return std::nullopt;
    surely_alike_ = quantile_of(changed, 0.5);
    return (surely_alike_ + by_chance) / 2;
  }

  /// How alike the most alike of n independent images of its class are to an image, were similarities normally
  /// distributed: m + s sqrt(2 ln n), the leading term of the expected maximum (Leadbetter, Lindgren, Rootzén,
  /// "Extremes and Related Properties of Random Sequences and Processes", 1983, theorem 1.5.3). Median m and deviation
  /// s come from the lower half, which near copies do not reach. A class of few images is no sample; all images are
  /// then.
  float most_alike_by_chance(std::int64_t image) const {
    constexpr std::size_t kFewImages = 20;
    constexpr double kOneDeviationBelow = 0.159;  // of a normal distribution
    const Positions& members = members_.at(classes_[static_cast<std::size_t>(image)]);
    const torch::Tensor sample = members.size() < kFewImages ? directions_ : rows_at(directions_, spread_over(members));
    const torch::Tensor similarities = sample.mv(directions_[image]);
    const double median = quantile_of(similarities, 0.5);
    const double deviation = median - quantile_of(similarities, kOneDeviationBelow);
    const double count = std::max<double>(2, static_cast<double>(members.size()));
    return static_cast<float>(median + deviation * std::sqrt(2 * std::log(count)));
  }

  /// At most a few thousand of them, enough for quantiles.
  static Positions spread_over(const Positions& members) {
    constexpr std::size_t kMost = 4096;
    Positions some;
    for (std::size_t i = 0; i < members.size(); i += members.size() / kMost + 1) some.push_back(members[i]);
    return some;
  }

  /// Of a large class not all pairs: frames of a film and bursts stand beside each other in the dataset's order as a
  /// rule, and near copies along any direction.
  void compare_class(const Positions& members, double least) {
    constexpr std::int64_t kWindow = 8192;
    constexpr std::int64_t kWindowOfNames = 2048;
    const bool is_large = static_cast<std::int64_t>(members.size()) > kWindow;
    compare_neighbours(members, least, is_large ? kWindowOfNames : kWindow);
    if (is_large) compare_neighbours(sorted_along_most_variance(members), least, kWindow);
    if (is_large) compared_in_part_ += members.size();
  }

  /// Each with the next `window` at least.
  void compare_neighbours(const Positions& members, double least, std::int64_t window) {
    constexpr std::int64_t kBlock = 1024;
    const auto count = static_cast<std::int64_t>(members.size());
    for (std::int64_t begin = 0; begin < count; begin += kBlock) {
      const auto first = members.begin() + begin;
      const torch::Tensor own = rows_at(directions_, {first, first + std::min(kBlock + window, count - begin)});
      keep_most_alike(own.slice(0, 0, std::min(kBlock, own.size(0))).mm(own.t()), members, begin, least);
    }
  }

  /// block: float [n,m], of the members from `begin` on, and of those from `begin` on. Of each row the nearest few: the
  /// others of a large group are linked through them.
  void keep_most_alike(const torch::Tensor& block, const Positions& members, std::int64_t begin, double least) {
    constexpr std::int64_t kMostOfImage = 64;
    const auto [values, columns] = block.triu(1).topk(std::min(kMostOfImage, block.size(1)), 1);
    const torch::Tensor places = (values >= least).nonzero().contiguous();
    for (std::int64_t i = 0; i < places.size(0); ++i) {
      const std::int64_t line = places.data_ptr<std::int64_t>()[2 * i];
      const std::int64_t rank = places.data_ptr<std::int64_t>()[2 * i + 1];
      const std::int64_t at = line * values.size(1) + rank;
      pairs_.push_back({values.data_ptr<float>()[at], members[static_cast<std::size_t>(begin + line)],
                        members[static_cast<std::size_t>(begin + columns.data_ptr<std::int64_t>()[at])]});
    }
  }

  /// By power iteration.
  Positions sorted_along_most_variance(const Positions& members) const {
    constexpr int kSteps = 10;
    const torch::Tensor own = rows_at(directions_, members);
    torch::Tensor axis = torch::ones({own.size(1)});
    for (int step = 0; step < kSteps; ++step) {
      axis = own.t().mv(own.mv(axis));
      axis = axis / axis.norm().clamp_min(1e-12);
    }
    const torch::Tensor order = std::get<1>(own.mv(axis).sort()).contiguous();
    Positions sorted(members.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
      sorted[i] = members[static_cast<std::size_t>(order.data_ptr<std::int64_t>()[i])];
    }
    return sorted;
  }

  /// least: 0 where features tell nothing; hashes must then be nearly equal.
  void join_by_hash(double least) {
    constexpr int kNearBits = 10;  // as CheckOptions::near_bits
    constexpr int kNearlyEqualBits = 2;
    if (features_.hashes.size() != images_) return;
    const data::NearHashes index(features_.hashes, directions_.defined() ? kNearBits : kNearlyEqualBits);
    const auto set_of = [&](std::size_t i) { return groups_.root(static_cast<std::int64_t>(i)); };
    for (const std::uint64_t mask : {std::uint64_t{0}, data::Fingerprint::kMirrored}) {
      index.for_each_pair(mask, set_of, [&](std::size_t i, std::size_t j) {
        const auto a = static_cast<std::int64_t>(i);
        const auto b = static_cast<std::int64_t>(j);
        const float similarity = directions_.defined() ? directions_[a].dot(directions_[b]).item<float>() : 1;
        if (similarity >= static_cast<float>(least)) pairs_.push_back({similarity, a, b});
      });
    }
  }

  /// Takes out pairs that have few near copies in common, which are bridges between groups and links of chains: those
  /// of structural similarity |A ∩ B| / sqrt(|A| |B|) below 0.7, A and B being the images alike to each of the two, and
  /// they themselves (Xu, Yuruk, Feng, Schweiger, "SCAN: A Structural Clustering Algorithm for Networks", KDD 2007). A
  /// pair that is as alike as images and their changed views mostly are needs no such support.
  void take_out_bridges() {
    constexpr double kLeastInCommon = 0.7;
    std::vector<Positions> near(images_);
    for (std::size_t i = 0; i < images_; ++i) near[i] = {static_cast<std::int64_t>(i)};
    for (const AlikePair& pair : pairs_) {
      near[static_cast<std::size_t>(pair.a)].push_back(pair.b);
      near[static_cast<std::size_t>(pair.b)].push_back(pair.a);
    }
    for (Positions& each : near) {
      std::sort(each.begin(), each.end());
      each.erase(std::unique(each.begin(), each.end()), each.end());
    }
    const auto is_bridge = [&](const AlikePair& pair) {
      const Positions& a = near[static_cast<std::size_t>(pair.a)];
      const Positions& b = near[static_cast<std::size_t>(pair.b)];
      Positions common;
      std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
      const double sizes = static_cast<double>(a.size()) * static_cast<double>(b.size());
      return pair.similarity < surely_alike_ && static_cast<double>(common.size()) < kLeastInCommon * std::sqrt(sizes);
    };
    std::erase_if(pairs_, is_bridge);
  }

  void join_alike(NearCopies& result) {
    take_out_bridges();
    std::sort(pairs_.begin(), pairs_.end(), [](const AlikePair& x, const AlikePair& y) {
      return std::tie(y.similarity, x.a, x.b) < std::tie(x.similarity, y.a, y.b);
    });
    std::int64_t refused = 0;
    for (const AlikePair& pair : pairs_) refused += groups_.join(pair.a, pair.b, most_of(pair)) ? 0 : 1;
    if (refused == 0) return;
    result.note +=
        fmt::format("{}images of one class are so much alike that groups of near copies were kept to half of it",
                    result.note.empty() ? "" : "; ");
  }

  std::int64_t most_of(const AlikePair& pair) const {
    constexpr std::size_t kManyImages = 20;
    const std::int64_t label = classes_[static_cast<std::size_t>(pair.a)];
    const std::size_t size = members_.at(label).size();
    const bool is_limited = label == classes_[static_cast<std::size_t>(pair.b)] && size >= kManyImages;
    return is_limited ? static_cast<std::int64_t>(size / 2) : kAnySize;
  }

  const Features& features_;
  std::size_t images_;
  torch::Tensor rows_;
  std::vector<std::int64_t> classes_;
  std::map<std::int64_t, Positions> members_;  ///< of each class
  GrowingGroups groups_;
  torch::Tensor directions_;  ///< float [N,D]; undefined where features tell nothing
  double surely_alike_ = 0;   ///< as alike as images and their changed views mostly are
  std::vector<AlikePair> pairs_;
  std::size_t compared_in_part_ = 0;  ///< images of classes too large to compare all
};

}  // namespace

NearCopies find_near_copies(const Features& features) {
  NearCopies result;
  if (!features.ids.empty()) result.group = NearCopySearch(features).run(result);
  return result;
}

}  // namespace margay::predict
