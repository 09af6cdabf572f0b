#include "margay/interpret/fit_unknown.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/counted.h"
#include "margay/core/random.h"
#include "margay/interpret/fit_mahalanobis.h"
#include "margay/metric/beta_binomial.h"

namespace margay::interpret {
namespace {

using predict::KnownScores;
using predict::RefusalGuarantee;
using predict::UnknownScore;

constexpr std::int64_t kMostThresholdImages = 20'000;
constexpr std::uint64_t kSplitDraw = 10;  // of random numbers, as the draws of compare_unknown_scores.cpp
constexpr std::uint64_t kThresholdDraw = 11;
constexpr std::uint64_t kLeftOutDraw = 12;

void check_finite(const torch::Tensor& rows, const char* what) {
  const torch::Tensor is_bad = rows.isfinite().all(1).logical_not();
  const auto count = is_bad.sum().item<std::int64_t>();
  if (count == 0) return;
  throw std::invalid_argument(fmt::format("[fit_unknown] the {} of {} of {} images are non-finite, first of row {}",
                                          what, count, rows.size(0), is_bad.nonzero()[0].item<std::int64_t>()));
}

void check_outputs(const LabelledOutputs& outputs) {
  const bool fits =
      outputs.logits.defined() && outputs.logits.dim() == 2 && outputs.targets.defined() &&
      outputs.targets.size(0) == outputs.size() &&
      (!outputs.features.defined() || (outputs.features.dim() == 2 && outputs.features.size(0) == outputs.size()));
  if (!fits) throw std::invalid_argument("[fit_unknown] expected logits [N,K], targets and features of N images");
  check_finite(outputs.logits, "logits");
  if (outputs.features.defined()) check_finite(outputs.features, "features");
}

void check_fit_options(const UnknownOptions& options) {
  core::validate(options);
  predict::fewest_for(options.alpha);
  if (options.most_bytes < 1) throw std::invalid_argument("[fit_unknown] most_bytes must be positive");
}

LabelledOutputs drawn_outputs(const LabelledOutputs& outputs, std::int64_t most, core::Random random) {
  if (outputs.size() <= most) return outputs;
  std::vector<std::size_t> order = core::permutation(static_cast<std::size_t>(outputs.size()), random);
  order.resize(static_cast<std::size_t>(most));
  std::sort(order.begin(), order.end());
  return outputs.rows(torch::tensor(std::vector<std::int64_t>(order.begin(), order.end()), torch::kLong));
}

struct ChosenScore {
  UnknownScore score;
  std::vector<ScoreTrial> trials;
  std::vector<std::string> notes;
};

ChosenScore choose_score(const LabelledOutputs& fit, metric::Activation activation, const UnknownOptions& options) {
  if (options.score) return {.score = *options.score};
  ChosenScore chosen;
  chosen.trials = compare_unknown_scores(fit, activation, options);
  if (!chosen.trials.empty()) {
    chosen.score = chosen.trials.front().score;
    return chosen;
  }
  chosen.score = fit.features.defined() && fit.size() > 0 ? UnknownScore::kNearest : UnknownScore::kEnergy;
  chosen.notes.push_back(
      fmt::format("no class could be left out of {}, so the scores were not compared; {} is taken unseen",
                  core::counted(fit.size(), "image"), core::to_text(chosen.score)));
  return chosen;
}

/// The classes' scores of the threshold's images.
std::vector<KnownScores> class_calibrations(const torch::Tensor& class_scores, const torch::Tensor& members) {
  std::vector<KnownScores> calibrations;
  for (std::int64_t c = 0; c < members.size(1); ++c) {
    const torch::Tensor own = members.select(1, c).nonzero().squeeze(1);
    calibrations.emplace_back(class_scores.select(1, c).index_select(0, own));
  }
  return calibrations;
}

/// p-values of calibration images, each judged by the others: the image itself is one of those that score as high.
torch::Tensor p_values_by_others(const KnownScores& calibration, const torch::Tensor& scores) {
  const auto n = static_cast<double>(calibration.size());
  return (calibration.p_values(scores) * (n + 1) - 1) / n;
}

/// double [n]
torch::Tensor p_values_by_others(const predict::UnknownDetector& detector, const LabelledOutputs& threshold,
                                 const torch::Tensor& members) {
  const predict::UnknownScorer& scorer = detector.scorer();
  if (detector.guarantee() == RefusalGuarantee::kSplit)
    return p_values_by_others(detector.calibration().front(), scorer.scores(threshold.logits, threshold.features));
  const torch::Tensor scores = scorer.class_scores(threshold.logits, threshold.features);
  torch::Tensor largest = torch::zeros({threshold.size()}, torch::kDouble);
  for (std::int64_t c = 0; c < members.size(1); ++c) {
    const KnownScores& calibration = detector.calibration()[static_cast<std::size_t>(c)];
    const torch::Tensor of_class = scores.select(1, c);
    const torch::Tensor p = calibration.size() == 0
                                ? torch::ones({threshold.size()}, torch::kDouble)
                                : torch::where(members.select(1, c), p_values_by_others(calibration, of_class),
                                               calibration.p_values(of_class));
    largest = torch::maximum(largest, p);
  }
  return largest;
}

std::vector<ClassRefusals> refusals_by_class(const torch::Tensor& p_values, const torch::Tensor& members,
                                             double alpha) {
  constexpr double kRounding = 1e-12;
  const torch::Tensor is_refused = (p_values <= alpha + kRounding).unsqueeze(1);
  std::vector<ClassRefusals> classes;
  const torch::Tensor images = members.sum(0);
  const torch::Tensor refused = members.logical_and(is_refused).sum(0);
  for (std::int64_t c = 0; c < members.size(1); ++c) {
    classes.push_back({.images = images[c].item<std::int64_t>(), .refused = refused[c].item<std::int64_t>()});
  }
  return classes;
}

std::string why_nothing_is_refused(const predict::UnknownDetector& detector) {
  const std::int64_t fewest = predict::fewest_for(detector.alpha());
  const std::string need = fmt::format("refusing one at `alpha` {} takes {}", detector.alpha(), fewest);
  if (detector.guarantee() != RefusalGuarantee::kPerClass)
    return fmt::format("nothing is refused: {} set the threshold, and {}",
                       core::counted(detector.calibration_images(), "image"), need);
  const auto& classes = detector.calibration();
  const auto few = std::count_if(classes.begin(), classes.end(), [&](const auto& c) { return c.size() < fewest; });
  return fmt::format("nothing is refused: {} of {} classes have too few images for the threshold, and {} of the class",
                     few, classes.size(), need);
}

std::optional<metric::Interval> refusal_band(const predict::UnknownDetector& detector) {
  if (detector.guarantee() != RefusalGuarantee::kSplit || !detector.can_refuse()) return std::nullopt;
  const std::int64_t n = detector.calibration_images();
  const std::int64_t k = predict::refused_rank(n, detector.alpha());
  return metric::Interval{.low = metric::beta_quantile(0.025, k, n + 1 - k),
                          .high = metric::beta_quantile(0.975, k, n + 1 - k)};
}

predict::UnknownDetector calibrated(predict::UnknownScorer scorer, const LabelledOutputs& threshold,
                                    const torch::Tensor& members, const UnknownOptions& options) {
  if (!options.per_class) {
    const torch::Tensor scores = scorer.scores(threshold.logits, threshold.features);
    return {std::move(scorer), options.alpha, RefusalGuarantee::kSplit, {KnownScores(scores)}};
  }
  const torch::Tensor scores = scorer.class_scores(threshold.logits, threshold.features);
  return {std::move(scorer), options.alpha, RefusalGuarantee::kPerClass, class_calibrations(scores, members)};
}

/// float [M]: the distance of each image to the k-th nearest of the other rows.
torch::Tensor scores_without_own(const predict::KnownRows& known, const torch::Tensor& features) {
  constexpr std::int64_t kRowsAtOnce = 1024;
  std::vector<torch::Tensor> scores;
  for (std::int64_t begin = 0; begin < features.size(0); begin += kRowsAtOnce) {
    const torch::Tensor some = features.slice(0, begin, begin + kRowsAtOnce);
    const predict::NearestRows found = known.nearest(some, known.k + 1);
    const torch::Tensor own = torch::arange(begin, begin + some.size(0)).unsqueeze(1);
    const torch::Tensor is_own = found.rows.slice(1, 0, known.k) == own;  // where it is among them, the next one counts
    scores.push_back(
        torch::where(is_own.any(1), found.distances.select(1, known.k), found.distances.select(1, known.k - 1)));
  }
  return torch::cat(scores);
}

}  // namespace

LabelledOutputs LabelledOutputs::rows(const torch::Tensor& index) const {
  return {.logits = logits.index_select(0, index),
          .features = features.defined() ? features.index_select(0, index) : features,
          .targets = targets.index_select(0, index)};
}

LabelledOutputs LabelledOutputs::of(const predict::Predictions& predictions) {
  return {.logits = predictions.logits, .features = predictions.features, .targets = predictions.targets};
}

ThresholdSplit split_for_threshold(std::int64_t images, double alpha, std::int64_t seed, const torch::Tensor& groups) {
  if (images < 0 || (groups.defined() && (groups.dim() != 1 || groups.size(0) != images)))
    throw std::invalid_argument("[split_for_threshold] groups must be int64 [N], one for each image");
  const std::int64_t wanted = std::max((images + 1) / 2, std::min(predict::fewest_for(alpha), images * 3 / 4));
  const torch::Tensor group_of = std::get<1>(
      torch::_unique(groups.defined() ? groups : torch::arange(images), /*sorted=*/true, /*return_inverse=*/true));
  const auto count = static_cast<std::size_t>(images == 0 ? 0 : group_of.max().item<std::int64_t>() + 1);
  std::vector<std::vector<std::int64_t>> members(count);
  for (std::int64_t i = 0; i < images; ++i)
    members[static_cast<std::size_t>(group_of[i].item<std::int64_t>())].push_back(i);
  ThresholdSplit split;
  for (const std::size_t group : core::permutation(count, {static_cast<std::uint64_t>(seed), kSplitDraw})) {
    const bool is_full = static_cast<std::int64_t>(split.threshold.size()) >= wanted;
    std::vector<std::int64_t>& side = is_full ? split.fit : split.threshold;
    side.insert(side.end(), members[group].begin(), members[group].end());
  }
  std::sort(split.fit.begin(), split.fit.end());
  std::sort(split.threshold.begin(), split.threshold.end());
  return split;
}

UnknownFit fit_unknown(const LabelledOutputs& fit, const LabelledOutputs& threshold, metric::Activation activation,
                       const UnknownOptions& options) {
  check_fit_options(options);
  check_outputs(fit);
  check_outputs(threshold);
  const LabelledOutputs judges =
      drawn_outputs(threshold, kMostThresholdImages, {static_cast<std::uint64_t>(options.seed), kThresholdDraw});
  UnknownOptions within = options;
  within.most_bytes = std::max<std::int64_t>(1, options.most_bytes - 4 * judges.size());
  ChosenScore chosen = choose_score(fit, activation, within);
  const torch::Tensor members = class_members(judges.targets, judges.logits.size(1));
  UnknownFit result{
      .detector = calibrated(fit_unknown_scorer(chosen.score, fit, activation, within), judges, members, options),
      .trials = std::move(chosen.trials),
      .notes = std::move(chosen.notes)};
  result.band = refusal_band(result.detector);
  if (judges.size() > 0)
    result.classes = refusals_by_class(p_values_by_others(result.detector, judges, members), members, options.alpha);
  else
    result.classes.resize(static_cast<std::size_t>(members.size(1)));
  if (!result.detector.can_refuse()) result.notes.push_back(why_nothing_is_refused(result.detector));
  return result;
}

UnknownFit fit_unknown_left_out(const LabelledOutputs& known, const UnknownOptions& options) {
  check_fit_options(options);
  check_outputs(known);
  if (!known.features.defined() || known.size() < 3)
    throw std::invalid_argument("[fit_unknown_left_out] needs features of at least 3 images");
  if (options.per_class || options.score.value_or(UnknownScore::kNearest) != UnknownScore::kNearest)
    throw std::invalid_argument(
        "[fit_unknown_left_out] without held-out images the `score` is nearest, and `per_class` is not to be had");
  const std::int64_t bytes_of_row = 2 * known.features.size(1) + known.logits.size(1) + 4;
  const std::int64_t most = std::max<std::int64_t>(3, options.most_bytes / bytes_of_row);
  const LabelledOutputs kept = drawn_outputs(known, most, {static_cast<std::uint64_t>(options.seed), kLeftOutDraw});
  UnknownOptions all = options;
  all.most_bytes = std::numeric_limits<std::int64_t>::max();
  predict::UnknownScorer scorer = fit_unknown_scorer(UnknownScore::kNearest, kept, metric::Activation::kSoftmax, all);
  scorer.known->k = std::min(scorer.known->k, kept.size() - 1);
  const torch::Tensor scores = scores_without_own(*scorer.known, kept.features);
  UnknownFit result{.detector = {std::move(scorer), options.alpha, scores}};
  const torch::Tensor members = class_members(kept.targets, kept.logits.size(1));
  result.classes =
      refusals_by_class(p_values_by_others(result.detector.calibration().front(), scores), members, options.alpha);
  if (kept.size() < known.size())
    result.notes.push_back(fmt::format("{} of {} images are kept, as many as {} bytes hold", kept.size(), known.size(),
                                       options.most_bytes));
  if (!result.detector.can_refuse()) result.notes.push_back(why_nothing_is_refused(result.detector));
  return result;
}

const core::OptionTable& UnknownOptions::fields() {
  static const core::OptionTable table(
      "unknown",
      {core::field<&UnknownOptions::alpha>(
           "alpha", "the share of images of the classes that may be refused as none of these", {1e-6, 0.5}),
       core::field<&UnknownOptions::per_class>("per_class", "keep to `alpha` in each class, not only over all images"),
       core::field<&UnknownOptions::score>(
           "score",
           "what tells unknown images: max_logit, energy, mahalanobis or nearest; by default the one that best tells "
           "the model's own classes, each left out in turn"),
       core::field<&UnknownOptions::neighbours>("neighbours", "which neighbour the nearest score counts", {1, 1000})});
  return table;
}

}  // namespace margay::interpret
