#include "margay/interpret/class_groups.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/random.h"
#include "margay/metric/interval.h"

namespace margay::interpret {
namespace {

using ClassRows = std::vector<std::int64_t>;

torch::Tensor as_index(const ClassRows& rows) { return torch::tensor(rows, torch::kLong); }

/// The rows of each class.
std::vector<ClassRows> rows_of_classes(const torch::Tensor& labels) {
  const torch::Tensor all = labels.to(torch::kLong).contiguous();
  std::vector<ClassRows> rows;
  for (std::int64_t row = 0; row < all.size(0); ++row) {
    const std::int64_t label = all.data_ptr<std::int64_t>()[row];
    if (label < 0) continue;
    if (static_cast<std::size_t>(label) >= rows.size()) rows.resize(static_cast<std::size_t>(label) + 1);
    rows[static_cast<std::size_t>(label)].push_back(row);
  }
  return rows;
}

/// P(X ≤ x) of Binomial(n, ½).
double half_binomial_tail(std::int64_t x, std::int64_t n) {
  const auto log_probability = [n](std::int64_t i) {
    const auto a = static_cast<double>(n);
    const auto b = static_cast<double>(i);
    return std::lgamma(a + 1) - std::lgamma(b + 1) - std::lgamma(a - b + 1) - a * std::log(2.0);
  };
  double sum = 0;
  for (std::int64_t i = 0; i <= std::min(x, n); ++i) sum += std::exp(log_probability(i));
  return std::min(sum, 1.0);
}

/// Two centres in the main directions of some images, and how to get there.
struct TwoKinds {
  torch::Tensor mean;        ///< double [1,D]
  torch::Tensor directions;  ///< double [D,d]
  torch::Tensor centres;     ///< double [2,d]

  torch::Tensor places(const torch::Tensor& features) const { return (features - mean).mm(directions); }
  /// double [n]: along the line through the centres; 0 at the first, 1 at the second.
  torch::Tensor along(const torch::Tensor& features) const {
    const torch::Tensor axis = centres[1] - centres[0];
    return (places(features) - centres[0]).mv(axis) / axis.dot(axis);
  }
};

/// The nearer of two centres, and the square of the distance. place, centres: d numbers each.
std::pair<std::size_t, double> nearer_centre(const double* place, const std::array<std::vector<double>, 2>& centres) {
  std::array<double, 2> distance{};
  for (std::size_t kind = 0; kind < 2; ++kind) {
    for (std::size_t i = 0; i < centres[kind].size(); ++i) {
      const double step = place[i] - centres[kind][i];
      distance[kind] += step * step;
    }
  }
  const std::size_t nearer = distance[1] < distance[0] ? 1 : 0;
  return {nearer, distance[nearer]};
}

/// 2-means (Lloyd) from two of the places on; the sum of squares that is left. places: double [n,d], contiguous.
double two_means(const torch::Tensor& places, std::array<std::vector<double>, 2>& centres) {
  constexpr int kSteps = 30;
  const auto images = static_cast<std::size_t>(places.size(0));
  const auto width = static_cast<std::size_t>(places.size(1));
  const double* const all = places.data_ptr<double>();
  double left = std::numeric_limits<double>::infinity();
  for (int step = 0; step < kSteps; ++step) {
    std::array<std::vector<double>, 2> sums{std::vector<double>(width), std::vector<double>(width)};
    std::array<double, 2> counts{};
    double now = 0;
    for (std::size_t image = 0; image < images; ++image) {
      const auto [kind, distance] = nearer_centre(all + image * width, centres);
      now += distance;
      ++counts[kind];
      for (std::size_t i = 0; i < width; ++i) sums[kind][i] += all[image * width + i];
    }
    if (!(now < left) || counts[0] == 0 || counts[1] == 0) break;
    left = now;
    for (std::size_t kind = 0; kind < 2; ++kind) {
      for (std::size_t i = 0; i < width; ++i) centres[kind][i] = sums[kind][i] / counts[kind];
    }
  }
  return left;
}

/// Nothing where the images are all the same. features: double [n,D].
std::optional<TwoKinds> two_kinds_of(const torch::Tensor& features, core::Random& random) {
  constexpr std::int64_t kDirections = 8;
  constexpr int kStarts = 8;
  TwoKinds kinds{.mean = features.mean(0, true), .directions = {}, .centres = {}};
  const torch::Tensor centred = features - kinds.mean;
  // The main directions of n images by their products [n,n], of which there are fewer than features as a rule.
  const bool is_wide = centred.size(1) > centred.size(0);
  const torch::Tensor products = is_wide ? centred.mm(centred.t()) : centred.t().mm(centred);
  const auto [values, vectors] = torch::linalg_eigh(products, "L");
  const std::int64_t count = std::min({kDirections, centred.size(0) - 1, centred.size(1)});
  torch::Tensor main = vectors.narrow(1, vectors.size(1) - count, count);
  if (is_wide) main = centred.t().mm(main);
  kinds.directions = main / main.norm(2, 0, true).clamp_min(1e-12);
  const torch::Tensor places = kinds.places(features).contiguous();
  const auto place = [&](std::uint64_t image) {
    const double* const begin = places.data_ptr<double>() + static_cast<std::int64_t>(image) * places.size(1);
    return std::vector<double>(begin, begin + places.size(1));
  };
  double best = std::numeric_limits<double>::infinity();
  for (int start = 0; start < kStarts; ++start) {
    const auto images = static_cast<std::uint64_t>(places.size(0));
    std::array<std::vector<double>, 2> centres{place(random.below(images)), place(random.below(images))};
    const double left = two_means(places, centres);
    if (left >= best) continue;
    best = left;
    kinds.centres =
        torch::stack({torch::tensor(centres[0], torch::kDouble), torch::tensor(centres[1], torch::kDouble)});
  }
  if (!kinds.centres.defined() || !((kinds.centres[1] - kinds.centres[0]).norm().item<double>() > 1e-9)) {
    return std::nullopt;
  }
  return kinds;
}

/// How probable so few images in the middle are, or fewer, if the images have one mode along the line.
double one_mode_p_value(const TwoKinds& kinds, const torch::Tensor& features) {
  constexpr double kWidth = 0.5;  // of each interval: half of the way between the centres
  const torch::Tensor along = kinds.along(features);
  const auto count_around = [&](double centre) {
    return (along - centre).abs().le(kWidth / 2).sum().item<std::int64_t>();
  };
  const std::int64_t middle = count_around(0.5);
  return std::max(half_binomial_tail(middle, middle + count_around(0)),
                  half_binomial_tail(middle, middle + count_around(1)));
}

/// Of the rows, those of both kinds, in the order of their distances from the centres.
std::array<ClassRows, 2> sorted_into(const TwoKinds& kinds, const torch::Tensor& features, const ClassRows& rows) {
  const torch::Tensor distances = (kinds.places(features).unsqueeze(1) - kinds.centres.unsqueeze(0)).pow(2).sum(2);
  const auto [nearest, kind] = distances.min(1);
  const torch::Tensor order = nearest.argsort();
  std::array<ClassRows, 2> parts;
  for (std::int64_t i = 0; i < order.size(0); ++i) {
    const auto at = order[i].item<std::int64_t>();
    parts[static_cast<std::size_t>(kind[at].item<std::int64_t>())].push_back(rows[static_cast<std::size_t>(at)]);
  }
  if (parts[0].size() < parts[1].size()) std::swap(parts[0], parts[1]);
  return parts;
}

/// The class as two kinds, with the p-value of its having one mode; nothing where the kinds are too unequal.
std::optional<SplitClass> split_class(const torch::Tensor& features, const ClassRows& rows, core::Random random) {
  constexpr std::size_t kLeastShare = 10;  // a tenth
  const std::vector<std::size_t> order = core::permutation(rows.size(), core::Random({random.next()}));
  std::array<ClassRows, 2> halves;
  for (std::size_t i = 0; i < order.size(); ++i) halves[i % 2].push_back(static_cast<std::int64_t>(order[i]));
  const std::array<torch::Tensor, 2> parts{features.index_select(0, as_index(halves[0])),
                                           features.index_select(0, as_index(halves[1]))};
  double least = 1;
  for (std::size_t half = 0; half < 2; ++half) {
    const auto kinds = two_kinds_of(parts[half], random);
    if (kinds) least = std::min(least, one_mode_p_value(*kinds, parts[1 - half]));
  }
  const auto kinds = two_kinds_of(features, random);
  if (!kinds) return std::nullopt;
  std::array<ClassRows, 2> sorted = sorted_into(*kinds, features, rows);
  if (kLeastShare * sorted[1].size() < rows.size()) return std::nullopt;
  return SplitClass{
      .label = 0, .first = std::move(sorted[0]), .second = std::move(sorted[1]), .p_value = std::min(1.0, 2 * least)};
}

}  // namespace

std::vector<SplitClass> find_split_classes(const torch::Tensor& features, const torch::Tensor& labels,
                                           const ClassGroupOptions& options) {
  constexpr std::size_t kFewestOfClass = 40;
  if (features.dim() != 2 || labels.dim() != 1 || features.size(0) != labels.size(0)) {
    throw std::invalid_argument("[split_classes] needs features [N,D] and labels [N]");
  }
  if (!features.isfinite().all().item<bool>()) throw std::invalid_argument("[split_classes] features are non-finite");
  const torch::NoGradGuard no_grad;
  const std::vector<ClassRows> classes = rows_of_classes(labels);
  const auto is_large = [](const ClassRows& rows) { return rows.size() >= kFewestOfClass; };
  const auto tested = static_cast<double>(std::count_if(classes.begin(), classes.end(), is_large));
  std::vector<SplitClass> found;
  for (std::size_t k = 0; k < classes.size(); ++k) {
    if (!is_large(classes[k])) continue;
    const torch::Tensor own = features.index_select(0, as_index(classes[k])).to(torch::kDouble);
    std::optional<SplitClass> split = split_class(own, classes[k], core::Random({options.seed, k}));
    if (!split || split->p_value * tested > options.level) continue;
    split->label = static_cast<std::int64_t>(k);
    found.push_back(std::move(*split));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const SplitClass& a, const SplitClass& b) { return a.p_value < b.p_value; });
  return found;
}

namespace {

/// The area under a ROC curve and its variance.
struct RocArea {
  double value = 0;
  double variance = 0;
};

double sample_variance(const std::vector<double>& values, double mean) {
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return squares / static_cast<double>(values.size() - 1);
}

/// Of each value the share of the others that lie below it; equal ones count half. others: sorted.
std::vector<double> placements(const std::vector<double>& values, const std::vector<double>& others) {
  std::vector<double> shares;
  for (const double value : values) {
    const auto [low, high] = std::equal_range(others.begin(), others.end(), value);
    const auto below = static_cast<double>((low - others.begin()) + (high - others.begin()));
    shares.push_back(below / 2 / static_cast<double>(others.size()));
  }
  return shares;
}

/// DeLong's. high: values that should be the higher ones; both of two values or more.
RocArea roc_area(std::vector<double> high, std::vector<double> low) {
  std::sort(high.begin(), high.end());
  std::sort(low.begin(), low.end());
  const std::vector<double> of_high = placements(high, low);
  std::vector<double> of_low = placements(low, high);
  for (double& share : of_low) share = 1 - share;
  RocArea area;
  for (const double share : of_high) area.value += share / static_cast<double>(of_high.size());
  area.variance = sample_variance(of_high, area.value) / static_cast<double>(of_high.size()) +
                  sample_variance(of_low, area.value) / static_cast<double>(of_low.size());
  return area;
}

/// Compares pairs of classes by probabilities.
class PairSearch {
 public:
  PairSearch(const torch::Tensor& labels, const torch::Tensor& probabilities, double level)
      : rows_(rows_of_classes(labels)),
        classes_(probabilities.size(1)),
        probabilities_(probabilities.to(torch::kDouble).contiguous()),
        predictions_(probabilities_.argmax(1).contiguous()) {
    rows_.resize(static_cast<std::size_t>(classes_));
    const double pairs = static_cast<double>(classes_) * static_cast<double>(classes_ - 1) / 2;
    z_ = metric::normal_quantile_two_sided(1 - 2 * std::min(level / pairs, 0.49));
  }

  std::optional<SameClasses> compare(std::int64_t a, std::int64_t b) const {
    if (!are_known(a, b)) return std::nullopt;
    const RocArea area = roc_area(leanings(a, b, a), leanings(a, b, b));
    const double high = area.value + z_ * std::sqrt(area.variance);
    if (!(high < kToldApart)) return std::nullopt;
    return SameClasses{.a = a, .b = b, .auc = area.value, .auc_high = high};
  }

 private:
  static constexpr double kToldApart = 0.7;
  static constexpr std::size_t kFewestOfPair = 20;

  const ClassRows& rows(std::int64_t k) const { return rows_[static_cast<std::size_t>(k)]; }

  /// Whether most images of both are predicted to be of one of the two: half way between chance, 2 / K, and all.
  bool are_known(std::int64_t a, std::int64_t b) const {
    for (const std::int64_t k : {a, b}) {
      if (rows(k).size() < kFewestOfPair) return false;
      std::size_t of_pair = 0;
      for (const std::int64_t row : rows(k)) {
        const std::int64_t prediction = predictions_.data_ptr<std::int64_t>()[row];
        of_pair += prediction == a || prediction == b ? 1U : 0U;
      }
      const double least = (1 + 2 / static_cast<double>(classes_)) / 2;
      if (static_cast<double>(of_pair) < least * static_cast<double>(rows(k).size())) return false;
    }
    return true;
  }

  /// log p_a − log p_b of the images of one of them.
  std::vector<double> leanings(std::int64_t a, std::int64_t b, std::int64_t of) const {
    constexpr double kLeast = 1e-30;
    std::vector<double> values;
    for (const std::int64_t row : rows(of)) {
      const double* const p = probabilities_.data_ptr<double>() + row * classes_;
      values.push_back(std::log(std::max(p[a], kLeast)) - std::log(std::max(p[b], kLeast)));
    }
    return values;
  }

  std::vector<ClassRows> rows_;
  std::int64_t classes_;
  torch::Tensor probabilities_;
  torch::Tensor predictions_;
  double z_ = 0;
};

}  // namespace

std::vector<SameClasses> find_same_classes(const torch::Tensor& labels, const torch::Tensor& probabilities,
                                           const ClassGroupOptions& options) {
  if (probabilities.dim() != 2 || labels.dim() != 1 || probabilities.size(0) != labels.size(0) ||
      (labels.numel() > 0 && labels.max().item<std::int64_t>() >= probabilities.size(1))) {
    throw std::invalid_argument("[same_classes] needs labels [N] and probabilities [N,K] of their classes");
  }
  if (probabilities.size(1) < 3) return {};
  const torch::NoGradGuard no_grad;
  const PairSearch search(labels, probabilities, options.level);
  std::vector<SameClasses> found;
  for (std::int64_t a = 0; a < probabilities.size(1); ++a) {
    for (std::int64_t b = a + 1; b < probabilities.size(1); ++b) {
      if (const auto same = search.compare(a, b)) found.push_back(*same);
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const SameClasses& x, const SameClasses& y) { return x.auc_high < y.auc_high; });
  return found;
}

}  // namespace margay::interpret
