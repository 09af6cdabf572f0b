#include "margay/interpret/class_order.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <tuple>
#include <unordered_map>

#include "margay/core/text.h"

namespace margay::interpret {
namespace {

std::size_t index_of(std::int32_t k) { return static_cast<std::size_t>(k); }

/// Sums the directed counts of pairs and divides them by the images of both.
class LinkSums {
 public:
  void add(std::int32_t from, std::int32_t to, double count) { sums_[std::minmax(from, to)] += count; }

  std::vector<ClassLink> links(const std::vector<double>& images) const {
    std::vector<ClassLink> links;
    for (const auto& [pair, count] : sums_) {
      links.push_back(
          {pair.first, pair.second, count / (images[index_of(pair.first)] + images[index_of(pair.second)])});
    }
    std::sort(links.begin(), links.end(),
              [](const ClassLink& x, const ClassLink& y) { return std::tie(x.a, x.b) < std::tie(y.a, y.b); });
    return links;
  }

 private:
  struct PairHash {
    std::size_t operator()(const std::pair<std::int32_t, std::int32_t>& pair) const {
      return std::hash<std::uint64_t>{}((static_cast<std::uint64_t>(pair.first) << 32U) |
                                        static_cast<std::uint32_t>(pair.second));
    }
  };
  std::unordered_map<std::pair<std::int32_t, std::int32_t>, double, PairHash> sums_;
};

/// Joins clusters of classes, the most alike first.
///
/// A pair in the queue may be out of date, but never too low: joining a cluster to one that a third is not linked with
/// only lowers their mean, and where it is linked a new pair is queued. A pair that comes up with a strength it no
/// longer has goes back with the one it has.
class Agglomeration {
 public:
  Agglomeration(const std::vector<ClassLink>& links, std::int64_t num_classes)
      : sums_(static_cast<std::size_t>(num_classes)), sequences_(sums_.size()) {
    for (std::size_t k = 0; k < sequences_.size(); ++k) sequences_[k] = {static_cast<std::int32_t>(k)};
    for (const ClassLink& link : links) {
      sums_[index_of(link.a)][link.b] += link.strength;
      sums_[index_of(link.b)][link.a] += link.strength;
    }
    single_ = sums_;
    for (const ClassLink& link : links) queue(link.a, link.b);
  }

  std::vector<std::int32_t> order() {
    while (!queue_.empty()) {
      const Pair pair = queue_.top();
      queue_.pop();
      if (sequences_[index_of(pair.a)].empty() || sequences_[index_of(pair.b)].empty()) continue;
      const double now = strength(pair.a, pair.b);
      now < pair.strength ? queue_.push({now, pair.a, pair.b}) : join(pair.a, pair.b);
    }
    return laid_out();
  }

 private:
  struct Pair {
    double strength;
    std::int32_t a;  ///< a < b
    std::int32_t b;
    bool operator<(const Pair& other) const {
      return strength != other.strength ? strength < other.strength : std::tie(a, b) > std::tie(other.a, other.b);
    }
  };

  /// The mean link of the classes of both.
  double strength(std::int32_t a, std::int32_t b) const {
    const auto pairs = static_cast<double>(sequences_[index_of(a)].size() * sequences_[index_of(b)].size());
    return sums_[index_of(a)].at(b) / pairs;
  }

  void queue(std::int32_t a, std::int32_t b) { queue_.push({strength(a, b), std::min(a, b), std::max(a, b)}); }

  double link_of_classes(std::int32_t a, std::int32_t b) const {
    const auto found = single_[index_of(a)].find(b);
    return found == single_[index_of(a)].end() ? 0 : found->second;
  }

  /// Cluster b becomes a part of a, or a of b if that one has more neighbours.
  void join(std::int32_t a, std::int32_t b) {
    if (sums_[index_of(b)].size() > sums_[index_of(a)].size()) std::swap(a, b);
    append(sequences_[index_of(a)], sequences_[index_of(b)]);
    std::vector<std::int32_t> changed;
    for (const auto& [other, sum] : sums_[index_of(b)]) {
      if (other == a) continue;
      sums_[index_of(a)][other] += sum;
      sums_[index_of(other)][a] += sum;
      sums_[index_of(other)].erase(b);
      changed.push_back(other);
    }
    sums_[index_of(a)].erase(b);
    sums_[index_of(b)].clear();
    for (const std::int32_t other : changed) queue(a, other);
  }

  /// Lays b after a, each turned so that the ends that meet are linked the most.
  void append(std::vector<std::int32_t>& a, std::vector<std::int32_t>& b) const {
    struct Turn {
      bool turns_a;
      bool turns_b;
    };
    constexpr Turn kTurns[] = {{false, false}, {false, true}, {true, false}, {true, true}};
    const auto met = [&](const Turn& turn) {
      return link_of_classes(turn.turns_a ? a.front() : a.back(), turn.turns_b ? b.back() : b.front());
    };
    const Turn best = *std::max_element(std::begin(kTurns), std::end(kTurns),
                                        [&](const Turn& x, const Turn& y) { return met(x) < met(y); });
    if (best.turns_a) std::reverse(a.begin(), a.end());
    if (best.turns_b) std::reverse(b.begin(), b.end());
    a.insert(a.end(), b.begin(), b.end());
    b = {};
  }

  std::vector<std::int32_t> laid_out() const {
    std::vector<std::vector<std::int32_t>> clusters;
    for (const auto& sequence : sequences_) {
      if (!sequence.empty()) clusters.push_back(sequence);
    }
    const auto least = [](const auto& cluster) { return *std::min_element(cluster.begin(), cluster.end()); };
    std::stable_sort(clusters.begin(), clusters.end(), [&](const auto& x, const auto& y) {
      return x.size() != y.size() ? x.size() > y.size() : least(x) < least(y);
    });
    std::vector<std::int32_t> order;
    for (const auto& cluster : clusters) order.insert(order.end(), cluster.begin(), cluster.end());
    return order;
  }

  using Sums = std::vector<std::unordered_map<std::int32_t, double>>;
  Sums sums_;                                         ///< of the links between clusters
  Sums single_;                                       ///< links of classes
  std::vector<std::vector<std::int32_t>> sequences_;  ///< the classes of each cluster; empty: it was joined to another
  std::priority_queue<Pair> queue_;
};

std::vector<std::int32_t> all_classes(std::int64_t count) {
  std::vector<std::int32_t> classes(static_cast<std::size_t>(count));
  std::iota(classes.begin(), classes.end(), 0);
  return classes;
}

}  // namespace

std::vector<ClassLink> confusion_links(const ConfusionMatrix& matrix) {
  LinkSums sums;
  std::vector<double> images;
  for (std::int64_t k = 0; k < matrix.num_classes(); ++k) images.push_back(static_cast<double>(matrix.row_total(k)));
  for (const ConfusionMatrix::Cell& cell : matrix.cells()) {
    if (cell.actual != cell.predicted) sums.add(cell.actual, cell.predicted, static_cast<double>(cell.count));
  }
  return sums.links(images);
}

std::vector<ClassLink> confusion_links(const JudgedImages& images, std::int64_t num_classes) {
  LinkSums sums;
  std::vector<double> images_of_class(static_cast<std::size_t>(num_classes));
  for (const std::int32_t k : images.label_classes.classes) images_of_class[index_of(k)] += 1;
  for (std::int64_t image = 0; image < images.size(); ++image) {
    std::vector<std::int32_t> missed;
    std::vector<std::int32_t> alarms;
    const auto labels = images.label_classes[image];
    const auto predicted = images.predicted_classes[image];
    std::ranges::set_difference(labels, predicted, std::back_inserter(missed));
    std::ranges::set_difference(predicted, labels, std::back_inserter(alarms));
    for (const std::int32_t miss : missed) {
      for (const std::int32_t alarm : alarms) sums.add(miss, alarm, 1);
    }
  }
  return sums.links(images_of_class);
}

std::vector<std::int32_t> cluster_order(const std::vector<ClassLink>& links, std::int64_t num_classes) {
  return Agglomeration(links, num_classes).order();
}

std::vector<std::int32_t> class_order(ClassOrder order, const data::Vocabulary& vocabulary,
                                      const std::vector<std::int64_t>& images_of_class,
                                      const std::vector<ClassLink>& links) {
  if (order == ClassOrder::kCluster) return cluster_order(links, vocabulary.size());
  std::vector<std::int32_t> classes = all_classes(vocabulary.size());
  if (order == ClassOrder::kVocab) return classes;
  const auto by_name = [&](std::int32_t a, std::int32_t b) {
    return core::natural_less(vocabulary.name(a), vocabulary.name(b));
  };
  std::stable_sort(classes.begin(), classes.end(), by_name);
  if (order == ClassOrder::kName) return classes;
  std::stable_sort(classes.begin(), classes.end(), [&](std::int32_t a, std::int32_t b) {
    return images_of_class[index_of(a)] > images_of_class[index_of(b)];
  });
  return classes;
}

}  // namespace margay::interpret
