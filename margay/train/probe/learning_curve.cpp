#include "margay/train/probe/learning_curve.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <map>
#include <utility>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/random.h"
#include "margay/train/probe/probe_fit.h"

namespace margay::train {
namespace {

constexpr std::int64_t kMostJudged = 20'000;
constexpr std::int64_t kLargestPart = 100'000;
constexpr double kWorkOfDraws = 20'000;  // images in all draws of a point, where there is more than one
constexpr double kNormal95 = 1.959964;
constexpr double kNormalOneSided95 = 1.644854;

struct CurveShare {
  double share;
  int most_draws;
};
constexpr std::array kShares{CurveShare{0.125, 4}, CurveShare{0.25, 2}, CurveShare{0.5, 2}};

/// The groups of each stratum: of the stratum of their first image.
struct StratifiedGroups {
  std::map<std::int64_t, std::vector<std::int64_t>> of_stratum;
  std::vector<std::int64_t> sizes;  // of each group, in images
};

StratifiedGroups stratified_groups(const ProbeRows& rows) {
  StratifiedGroups result;
  result.sizes.assign(static_cast<std::size_t>(rows.num_groups), 0);
  const torch::Tensor strata = rows.strata().contiguous();
  const auto* const stratum = strata.data_ptr<std::int64_t>();
  const auto* const group = rows.groups.data_ptr<std::int64_t>();
  for (std::int64_t row = 0; row < rows.size(); ++row) {
    if (result.sizes[static_cast<std::size_t>(group[row])]++ == 0) {
      result.of_stratum[stratum[row]].push_back(group[row]);
    }
  }
  return result;
}

/// Adds groups while they bring the number of images nearer to the share; the first one always.
void draw_groups(const std::vector<std::int64_t>& groups, const std::vector<std::int64_t>& sizes, double share,
                 core::Random random, std::vector<bool>& is_drawn) {
  const auto size = [&](std::int64_t group) { return static_cast<double>(sizes[static_cast<std::size_t>(group)]); };
  double images = 0;
  for (const std::int64_t group : groups) images += size(group);
  double drawn = 0;
  for (const std::size_t i : core::permutation(groups.size(), random)) {
    if (drawn > 0 && drawn + size(groups[i]) / 2 > share * images) continue;
    drawn += size(groups[i]);
    is_drawn[static_cast<std::size_t>(groups[i])] = true;
  }
}

/// int64 [n], growing: the images of a stratified part.
torch::Tensor stratified_part(const ProbeRows& rows, const StratifiedGroups& groups, double share, std::uint64_t seed,
                              std::uint64_t draw) {
  std::vector<bool> is_drawn(groups.sizes.size(), false);
  for (const auto& [stratum, members] : groups.of_stratum) {
    const auto key = static_cast<std::uint64_t>(stratum);
    draw_groups(members, groups.sizes, share, core::Random({seed, std::bit_cast<std::uint64_t>(share), draw, key}),
                is_drawn);
  }
  const auto* const group = rows.groups.data_ptr<std::int64_t>();
  std::vector<std::int64_t> positions;
  for (std::int64_t row = 0; row < rows.size(); ++row) {
    if (is_drawn[static_cast<std::size_t>(group[row])]) positions.push_back(row);
  }
  return torch::tensor(positions);
}

/// Half decades from a tenth to ten times the strength.
StrengthGrid grid_around(double strength) {
  const int place = static_cast<int>(std::lround(8 * std::log10(strength)));
  return {.low = place - 8, .high = place + 8, .lowest = place - 8, .highest = place + 8, .is_refined = false};
}

/// Fits to parts, judged by the same images.
class CurveDraws {
 public:
  CurveDraws(const ProbeRows& rows, const WholeProbe& whole, std::uint64_t seed)
      : rows_(rows), whole_(whole), groups_(stratified_groups(rows)), seed_(seed), judged_(judged_positions()) {}

  const torch::Tensor& judged() const { return judged_; }

  struct Share {
    double images = 0;
    torch::Tensor errors;  // float64 [J], the mean over the draws; undefined: there was no draw that can be fitted
    double variance = 0;   // of the mean, from the spread of the draws
    int draws = 0;
  };

  Share share(const CurveShare& of_all) const {
    Share result;
    std::vector<torch::Tensor> errors;
    const double images = of_all.share * static_cast<double>(rows_.size());
    const int draws = static_cast<int>(std::clamp(kWorkOfDraws / images, 1.0, 1.0 * of_all.most_draws));
    for (int draw = 0; draw < draws; ++draw) {
      const torch::Tensor part = stratified_part(rows_, groups_, of_all.share, seed_, static_cast<std::uint64_t>(draw));
      if (!is_usable(part, of_all.share)) return {};
      errors.push_back(errors_of(part));
      result.images += static_cast<double>(part.size(0)) / draws;
    }
    const torch::Tensor all = torch::stack(errors);
    result.draws = draws;
    result.errors = all.mean(0);
    if (draws > 1) result.variance = all.mean(1).var(/*unbiased=*/true).item<double>() / draws;
    return result;
  }

 private:
  torch::Tensor judged_positions() const {
    if (rows_.size() <= kMostJudged) return torch::arange(rows_.size());
    const auto drawn = core::permutation(static_cast<std::size_t>(rows_.size()), core::Random({seed_, 2}));
    return std::get<0>(torch::tensor(std::vector<std::int64_t>(drawn.begin(), drawn.begin() + kMostJudged)).sort());
  }

  /// Neither much larger than its share, for want of smaller classes and groups, nor too large to be worth the time.
  bool is_usable(const torch::Tensor& part, double share) const {
    const auto images = static_cast<double>(part.size(0));
    if (images > 1.4 * share * static_cast<double>(rows_.size()) || part.size(0) > kLargestPart) return false;
    return why_not_fitted(rows_.subset(part)).empty();
  }

  torch::Tensor errors_of(const torch::Tensor& part) const {
    const ProbeFit fit(rows_.subset(part), whole_.feature_norm, whole_.group);
    const ChosenStrength chosen = choose(fit);
    const torch::Tensor is_inside = marked(part);
    const torch::Tensor outside = judged_.masked_select(is_inside.index_select(0, judged_).logical_not());
    const torch::Tensor inside = marked(judged_).index_select(0, part).nonzero().squeeze(1);  // positions in the part
    torch::Tensor errors = torch::empty({rows_.size()}, torch::kDouble);
    const auto judge = [&](const torch::Tensor& positions, const torch::Tensor& outputs) {
      const torch::Tensor targets = rows_.targets.index_select(0, positions);
      errors.index_copy_(0, positions, image_errors(chosen.scale.logits(outputs), targets, rows_.task));
    };
    fit.for_each_left_out({chosen.strength}, inside, [&](std::size_t, const torch::Tensor& outputs) {
      judge(part.index_select(0, inside), outputs);
    });
    judge(outside, outputs_of(fit.solve(chosen.strength), rows_.features, outside));
    return errors.index_select(0, judged_);
  }

  torch::Tensor marked(const torch::Tensor& positions) const {
    return torch::zeros({rows_.size()}, torch::kBool).index_fill_(0, positions, true);
  }

  ChosenStrength choose(const ProbeFit& fit) const {
    const torch::Tensor one_fold = torch::zeros({fit.rows().size()}, torch::kLong);
    const torch::Tensor positions = choosing_positions(one_fold, 1, rows_.num_classes, seed_);
    return choose_strength(fit.left_out_choice(positions, {}, 0), std::nullopt, grid_around(whole_.strength)).all;
  }

  const ProbeRows& rows_;
  const WholeProbe& whole_;
  StratifiedGroups groups_;
  std::uint64_t seed_;
  torch::Tensor judged_;  // int64 [J]
};

/// The covariance of the means of columns, clustered by group. errors: float64 [J,P]; groups: int64 [J].
torch::Tensor clustered_covariance(const torch::Tensor& errors, const torch::Tensor& groups) {
  const auto numbers = std::get<1>(torch::_unique2(groups, /*sorted=*/true, /*return_inverse=*/true));
  const std::int64_t count = numbers.max().item<std::int64_t>() + 1;
  const torch::Tensor sums =
      torch::zeros({count, errors.size(1)}, torch::kDouble).index_add_(0, numbers, errors - errors.mean(0));
  const auto clusters = static_cast<double>(count);
  const auto images = static_cast<double>(errors.size(0));
  return sums.t().mm(sums) * (clusters / (clusters - 1) / (images * images));
}

/// A straight line through points, y = level + slope · x, by least squares: both are sums over the y with the weights
/// of a row. float64 [2,P].
torch::Tensor line_weights(const torch::Tensor& x) {
  const torch::Tensor design = torch::stack({torch::ones_like(x), x}, 1);
  return design.t().mm(design).inverse().mm(design.t());
}

struct Estimate {
  double value = 0;
  double error = 0;
};

/// weights · y, where y has the covariance.
Estimate estimate(const torch::Tensor& weights, const torch::Tensor& y, const torch::Tensor& covariance) {
  const double variance = weights.dot(covariance.mv(weights)).item<double>();
  return {.value = weights.dot(y).item<double>(), .error = std::sqrt(std::max(variance, 0.0))};
}

/// images, errors: float64 [P]; covariance: of the errors, float64 [P,P].
void forecast(LearningCurve& curve, const torch::Tensor& images, const torch::Tensor& errors,
              const torch::Tensor& covariance) {
  if (images.size(0) < 3) {
    curve.why_no_forecast = "There are too few images for smaller parts of them, so the error at more is not known.";
    return;
  }
  if (errors.min().item<double>() <= 0) {
    curve.why_no_forecast = "A part of the images has no error at all, so there is no trend to follow.";
    return;
  }
  const double doubled = 2 * images[-1].item<double>();
  const torch::Tensor log_line = line_weights(images.log());
  const torch::Tensor log_covariance = covariance / errors.outer(errors);
  const Estimate slope = estimate(log_line[1], errors.log(), log_covariance);
  curve.is_falling = slope.value < -kNormalOneSided95 * slope.error;
  if (!curve.is_falling) {
    curve.why_no_forecast = "The error does not fall beyond noise as images are added, so there is no trend to follow.";
    return;
  }
  const Estimate power = estimate(log_line[0] + std::log(doubled) * log_line[1], errors.log(), log_covariance);
  const torch::Tensor root_line = line_weights(images.rsqrt());
  const Estimate root = estimate(root_line[0] + root_line[1] / std::sqrt(doubled), errors, covariance);
  curve.twice = {
      .images = doubled,
      .error = std::exp(power.value),
      .low =
          std::max(0.0, std::min(std::exp(power.value - kNormal95 * power.error), root.value - kNormal95 * root.error)),
      .high = std::max(std::exp(power.value + kNormal95 * power.error), root.value + kNormal95 * root.error)};
}

}  // namespace

LearningCurve learning_curve(const ProbeRows& rows, const WholeProbe& whole, std::uint64_t seed) {
  const torch::NoGradGuard no_grad;
  const CurveDraws draws(rows, whole, seed);
  std::vector<CurveDraws::Share> shares;
  for (const CurveShare& share : kShares) {
    CurveDraws::Share drawn = draws.share(share);
    if (drawn.draws > 0) shares.push_back(std::move(drawn));
  }
  shares.push_back({.images = static_cast<double>(rows.size()),
                    .errors = whole.left_out_errors.index_select(0, draws.judged()),
                    .draws = 1});
  std::vector<torch::Tensor> columns;
  std::vector<double> images;
  std::vector<double> variances;
  for (const CurveDraws::Share& share : shares) {
    columns.push_back(share.errors);
    images.push_back(share.images);
    variances.push_back(share.variance);
  }
  const torch::Tensor errors = torch::stack(columns, 1);
  torch::Tensor means = errors.mean(0);
  means[-1] = whole.left_out_errors.mean();
  const torch::Tensor covariance = clustered_covariance(errors, rows.groups.index_select(0, draws.judged())) +
                                   torch::tensor(variances, torch::kDouble).diag();
  LearningCurve curve;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const auto p = static_cast<std::int64_t>(i);
    curve.points.push_back({.images = images[i],
                            .error = means[p].item<double>(),
                            .standard_error = std::sqrt(covariance[p][p].item<double>()),
                            .draws = shares[i].draws});
  }
  forecast(curve, torch::tensor(images, torch::kDouble), means, covariance);
  return curve;
}

}  // namespace margay::train
