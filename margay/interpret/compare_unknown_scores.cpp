// What scores need of known images, and which score tells classes that it has not seen.
#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/random.h"
#include "margay/interpret/fit_mahalanobis.h"
#include "margay/interpret/fit_unknown.h"
#include "margay/metric/standard_error.h"

namespace margay::interpret {
namespace {

using predict::UnknownScore;

constexpr std::int64_t kLeftOutClasses = 40;
constexpr std::int64_t kComparedImages = 4096;  // at most
constexpr std::int64_t kManyImages = 2048;      // more than these are halved, fewer are left out by fifths
constexpr std::int64_t kUsualNeighbour = 10;    // at most

/// The purposes of draws, so that their random numbers differ.
enum class Draw : std::uint64_t { kClasses = 1, kHalves, kRows };

core::Random random_for(const UnknownOptions& options, Draw draw) {
  return {static_cast<std::uint64_t>(options.seed), static_cast<std::uint64_t>(draw)};
}

/// `count` of `n` positions, ascending.
torch::Tensor drawn_positions(std::int64_t n, std::int64_t count, core::Random random) {
  std::vector<std::size_t> order = core::permutation(static_cast<std::size_t>(n), random);
  order.resize(static_cast<std::size_t>(std::min(n, count)));
  std::sort(order.begin(), order.end());
  return torch::tensor(std::vector<std::int64_t>(order.begin(), order.end()), torch::kLong);
}

std::int64_t present_classes(const torch::Tensor& members) { return members.any(0).sum().item<std::int64_t>(); }

/// Half of the rows of a usual class, so that a neighbour of the same class can be expected.
std::int64_t usual_neighbour(std::int64_t rows, std::int64_t classes) {
  return std::clamp<std::int64_t>(rows / (2 * std::max<std::int64_t>(classes, 1)), 1, std::min(kUsualNeighbour, rows));
}

predict::KnownRows fit_known_rows(const torch::Tensor& features, const torch::Tensor& members,
                                  const UnknownOptions& options) {
  const std::int64_t bytes_of_row = 2 * features.size(1) + members.size(1);
  const std::int64_t most = std::max<std::int64_t>(1, options.most_bytes / bytes_of_row);
  const torch::Tensor drawn = drawn_positions(features.size(0), most, random_for(options, Draw::kRows));
  predict::KnownRows known;
  known.rows = predict::unit_rows(features.index_select(0, drawn).to(torch::kFloat)).to(torch::kHalf).to(torch::kFloat);
  known.members = members.index_select(0, drawn);
  const std::int64_t rows = drawn.size(0);
  known.k = std::min(options.neighbours.value_or(usual_neighbour(rows, present_classes(known.members))), rows);
  return known;
}

predict::MahalanobisDistances fit_distances(const torch::Tensor& features, const torch::Tensor& members,
                                            const UnknownOptions& options) {
  const std::int64_t bytes_of_direction = 2 * features.size(1) + 4 * members.size(1) + 24;
  return fit_mahalanobis(features, members, std::max<std::int64_t>(1, options.most_bytes / bytes_of_direction));
}

/// A class that nothing knows: images to learn from and to tell apart.
struct LeftOutClass {
  LabelledOutputs learnt;
  LabelledOutputs known;
  LabelledOutputs unknown;
};

LabelledOutputs without_logit(LabelledOutputs outputs, std::int64_t c) {
  const torch::Tensor others = (torch::arange(outputs.logits.size(1)) != c).nonzero().squeeze(1);
  outputs.logits = outputs.logits.index_select(1, others);
  return outputs;
}

/// The logits of a linear head that never saw the class: Fisher's discriminants of the images learnt from, y · c_k -
/// |c_k|² / 2. float [N,C] for the classes that have images.
torch::Tensor discriminant_logits(const predict::MahalanobisDistances& fitted, const torch::Tensor& features) {
  const torch::Tensor present = fitted.class_places.isnan().any(1).logical_not().nonzero().squeeze(1);
  const torch::Tensor classes = fitted.class_places.index_select(0, present).to(torch::kDouble);
  return (fitted.places(features).matmul(classes.t()) - classes.pow(2).sum(1) / 2).to(torch::kFloat);
}

/// The rows of some positions that have the class, or that do not.
torch::Tensor rows_of_class(const torch::Tensor& members, const torch::Tensor& positions, std::int64_t c, bool has) {
  const torch::Tensor is_member = members.select(1, c).index_select(0, positions);
  return positions.index_select(0, (has ? is_member : is_member.logical_not()).nonzero().squeeze(1));
}

/// What a score found, one entry a class (or a fold of one).
struct ScoreTally {
  UnknownScore score;
  std::vector<metric::Detection> classes;

  metric::Detection mean() const {
    metric::Detection sum{.auroc = 0, .aupr = 0, .fpr_at_95 = 0};
    const auto count = static_cast<double>(classes.size());
    for (const metric::Detection& each : classes) {
      sum.auroc += each.auroc / count;
      sum.aupr += each.aupr / count;
      sum.fpr_at_95 += each.fpr_at_95 / count;
    }
    return sum;
  }
};

/// Whether a score beats another by more than two standard errors of the difference over the classes.
bool is_clearly_better(const ScoreTally& one, const ScoreTally& other) {
  std::vector<double> gains;
  for (std::size_t i = 0; i < one.classes.size(); ++i) {
    gains.push_back(one.classes[i].auroc - other.classes[i].auroc);
  }
  if (gains.size() < 2) return false;
  const metric::RepeatedMean gain = metric::repeated_mean(gains);
  return gain.mean > 2 * gain.standard_error;
}

/// The head that stands in for the network's own at classes that are left out knows the covariance of the features; the
/// network's own does worse. So where there are features, a score of logits must be clearly better. The best first.
void put_clear_winner_first(std::vector<ScoreTally>& tallies) {
  const auto of_features = std::find_if(tallies.begin(), tallies.end(),
                                        [](const ScoreTally& tally) { return predict::needs_features(tally.score); });
  if (of_features == tallies.end() || is_clearly_better(tallies.front(), *of_features)) return;
  std::rotate(tallies.begin(), of_features, of_features + 1);
}

class ScoreComparison {
 public:
  ScoreComparison(const LabelledOutputs& outputs, metric::Activation activation, const UnknownOptions& options)
      : outputs_(outputs),
        activation_(activation),
        options_(options),
        members_(class_members(outputs.targets, outputs.logits.size(1))) {
    const auto order = core::permutation(static_cast<std::size_t>(outputs.size()), random_for(options, Draw::kHalves));
    const torch::Tensor positions = torch::tensor(std::vector<std::int64_t>(order.begin(), order.end()), torch::kLong);
    all_ = positions.slice(0, 0, kComparedImages);
  }

  std::vector<ScoreTrial> trials(const std::vector<UnknownScore>& candidates) const {
    std::vector<ScoreTally> tallies;
    for (const UnknownScore score : candidates) tallies.push_back({.score = score});
    for (const std::int64_t c : left_out_classes()) add(c, tallies);
    if (tallies.front().classes.empty()) return {};
    std::stable_sort(tallies.begin(), tallies.end(),
                     [](const ScoreTally& a, const ScoreTally& b) { return a.mean().auroc > b.mean().auroc; });
    put_clear_winner_first(tallies);
    std::vector<ScoreTrial> trials;
    for (const ScoreTally& tally : tallies) {
      trials.push_back({.score = tally.score,
                        .detection = tally.mean(),
                        .classes = static_cast<std::int64_t>(tally.classes.size())});
    }
    return trials;
  }

 private:
  std::vector<std::int64_t> left_out_classes() const {
    const torch::Tensor present = members_.any(0).nonzero().squeeze(1);
    if (present.size(0) < 2) return {};
    const torch::Tensor drawn = present.index_select(
        0, drawn_positions(present.size(0), kLeftOutClasses, random_for(options_, Draw::kClasses)));
    return {drawn.data_ptr<std::int64_t>(), drawn.data_ptr<std::int64_t>() + drawn.numel()};
  }

  /// Every image is judged by what others give: of each fold by the other folds.
  void add(std::int64_t c, std::vector<ScoreTally>& tallies) const {
    const std::int64_t folds = all_.size(0) > kManyImages ? 2 : 5;
    std::vector<ScoreTally> of_class = tallies;
    for (ScoreTally& tally : of_class) tally.classes.clear();
    for (std::int64_t fold = 0; fold < folds; ++fold) add_fold(without(c, fold, folds), of_class);
    if (of_class.front().classes.empty()) return;
    for (std::size_t i = 0; i < tallies.size(); ++i) tallies[i].classes.push_back(of_class[i].mean());
  }

  void add_fold(const LeftOutClass& left_out, std::vector<ScoreTally>& tallies) const {
    if (left_out.learnt.size() == 0 || left_out.known.size() == 0 || left_out.unknown.size() == 0) return;
    const torch::Tensor members = class_members(left_out.learnt.targets, members_.size(1));
    if (!members.any().item<bool>()) return;
    std::optional<predict::MahalanobisDistances> fitted;
    if (left_out.learnt.features.defined()) fitted = fit_distances(left_out.learnt.features, members, options_);
    for (ScoreTally& tally : tallies) tally.classes.push_back(judge(tally.score, left_out, members, fitted));
  }

  LeftOutClass without(std::int64_t c, std::int64_t fold, std::int64_t folds) const {
    const auto rows = [&](const torch::Tensor& positions, bool has) {
      return without_logit(outputs_.rows(rows_of_class(members_, positions, c, has)), c);
    };
    const torch::Tensor is_judged = torch::arange(all_.size(0)).remainder(folds) == fold;
    const auto chosen = [&](const torch::Tensor& which) { return all_.index_select(0, which.nonzero().squeeze(1)); };
    return {.learnt = rows(chosen(is_judged.logical_not()), false),
            .known = rows(chosen(is_judged), false),
            .unknown = rows(all_, true)};
  }

  metric::Detection judge(UnknownScore score, const LeftOutClass& left_out, const torch::Tensor& members,
                          const std::optional<predict::MahalanobisDistances>& fitted) const {
    predict::UnknownScorer scorer{.score = score, .activation = activation_, .mahalanobis = fitted};
    if (score == UnknownScore::kNearest) scorer.known = fit_known_rows(left_out.learnt.features, members, options_);
    const auto scores = [&](const LabelledOutputs& images) {
      return scorer.scores(fitted ? discriminant_logits(*fitted, images.features) : images.logits, images.features);
    };
    return metric::detection(scores(left_out.unknown), scores(left_out.known));
  }

  const LabelledOutputs& outputs_;
  metric::Activation activation_;
  const UnknownOptions& options_;
  torch::Tensor members_;
  torch::Tensor all_;
};

}  // namespace

predict::UnknownScorer fit_unknown_scorer(UnknownScore score, const LabelledOutputs& outputs,
                                          metric::Activation activation, const UnknownOptions& options) {
  predict::UnknownScorer scorer{.score = score, .activation = activation};
  if (!predict::needs_features(score)) return scorer;
  if (!outputs.features.defined() || outputs.size() == 0)
    throw std::invalid_argument(
        fmt::format("[fit_unknown] the `score` {} needs features of images besides those of the threshold, and there "
                    "are none; max_logit and energy do without",
                    core::to_text(score)));
  const torch::Tensor members = class_members(outputs.targets, outputs.logits.size(1));
  if (score == UnknownScore::kNearest) {
    scorer.known = fit_known_rows(outputs.features, members, options);
    return scorer;
  }
  if (present_classes(members) < 2)
    throw std::invalid_argument(
        "[fit_unknown] the `score` mahalanobis compares distances to several classes, and the images are of fewer than "
        "two; nearest takes one");
  scorer.mahalanobis = fit_distances(outputs.features, members, options);
  return scorer;
}

std::vector<ScoreTrial> compare_unknown_scores(const LabelledOutputs& outputs, metric::Activation activation,
                                               const UnknownOptions& options) {
  std::vector<UnknownScore> candidates{UnknownScore::kMaxLogit, UnknownScore::kEnergy};
  if (outputs.features.defined()) {
    candidates.push_back(UnknownScore::kMahalanobis);
    candidates.push_back(UnknownScore::kNearest);
  }
  if (outputs.size() < 2 || outputs.logits.size(1) < 2) return {};
  return ScoreComparison(outputs, activation, options).trials(candidates);
}

}  // namespace margay::interpret
