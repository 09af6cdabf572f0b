#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/core/options.h"
#include "margay/metric/detection.h"
#include "margay/metric/interval.h"
#include "margay/predict/predictions.h"
#include "margay/predict/unknown_detector.h"

namespace margay::interpret {

struct UnknownOptions {
  double alpha = 0.05;     ///< the share of known images that may be refused, above 0, below 1
  bool per_class = false;  ///< guarantees alpha for each class
  /// By default the best at telling the user's own classes, each left out in turn.
  std::optional<predict::UnknownScore> score;
  /// Which neighbour the nearest score counts; by default half of the known rows of a usual class, 1 … 10.
  std::optional<std::int64_t> neighbours;

  // Not in the table: the caller's.
  std::int64_t seed = 0;                            ///< of the draws of classes and known rows
  std::int64_t most_bytes = std::int64_t{2} << 20;  ///< what the detector may take in a bundle

  static const core::OptionTable& fields();
};

/// Outputs of a network for labelled images.
struct LabelledOutputs {
  torch::Tensor logits;    ///< floating [N,K], raw
  torch::Tensor features;  ///< floating [N,D]; undefined: only scores of logits are considered
  torch::Tensor targets;   ///< int64 [N]; floating [N,K] for several labels

  std::int64_t size() const { return logits.size(0); }
  LabelledOutputs rows(const torch::Tensor& index) const;
  static LabelledOutputs of(const predict::Predictions& predictions);
};

/// How a score told images of a left-out class from the others: means over the left-out classes.
struct ScoreTrial {
  predict::UnknownScore score;
  metric::Detection detection;
  std::int64_t classes = 0;  ///< that were left out
};

/// Compares scores by leaving out classes, at most 40 of them, drawn: a class's images are unknown to means and rows
/// without them. The network's own logits were trained to be low for it, so where there are features the scores of
/// logits are judged by those of a linear head (Fisher's discriminant) that is fitted without the class, and one of
/// them comes first only where it beats the scores of features by two standard errors over the classes: this head is
/// usually better at new classes than a network's own. Without features the other classes' logits are taken, which tell
/// the class better than they would a new one. The other images are judged by fifths, each by what the rest gives (of
/// more than 2,048 by halves; 4,096 are drawn at most). The best by mean AUROC comes first. Empty where `outputs` has
/// fewer than two classes with images. Throws as fit_unknown.
std::vector<ScoreTrial> compare_unknown_scores(const LabelledOutputs& outputs, metric::Activation activation,
                                               const UnknownOptions& options = {});

/// A score with what it needs of these images, as many rows and discriminants as most_bytes allows. Throws as
/// fit_unknown.
predict::UnknownScorer fit_unknown_scorer(predict::UnknownScore score, const LabelledOutputs& outputs,
                                          metric::Activation activation, const UnknownOptions& options = {});

/// Refusals of a class's calibration images, each judged by the others.
struct ClassRefusals {
  std::int64_t images = 0;
  std::int64_t refused = 0;
};

struct UnknownFit {
  predict::UnknownDetector detector;
  std::vector<ScoreTrial> trials;      ///< the best first; empty where the score was given or could not be compared
  std::vector<ClassRefusals> classes;  ///< [K]
  /// The share of known images that this very threshold refuses lies in this band with probability .95 over the draw of
  /// the calibration images: the central interval of Beta(k, n + 1 - k), k = refused_rank (beta_binomial.h). Exact
  /// without ties; with ties the true share is smaller. Absent where nothing can be refused, and for guarantees other
  /// than kSplit.
  std::optional<metric::Interval> band;
  /// Sentences: why nothing can be refused, what could not be compared.
  std::vector<std::string> notes;
};

/// The images of a held-out set in two parts, which have none in common.
struct ThresholdSplit {
  std::vector<std::int64_t> fit;        ///< chooses the score, fits means and temperature; ascending
  std::vector<std::int64_t> threshold;  ///< sets the threshold and serves nothing else; ascending
};

/// Draws the images of the threshold: half of them; more, up to three quarters, where half are too few to refuse any at
/// this alpha. The draw does not look at classes, so that the threshold's images are exchangeable with new ones. Groups
/// stay together, then the guarantee is for images of new groups to the extent that groups are alike. images: N;
/// groups: int64 [N], may be undefined.
ThresholdSplit split_for_threshold(std::int64_t images, double alpha, std::int64_t seed,
                                   const torch::Tensor& groups = {});

/// Fits a detector of images that are none of the classes.
///
/// fit: images that give means, known rows and the choice of the score: training or held-out ones; may be empty for a
/// score of logits that is given. threshold: held-out images that serve nothing else, neither in training nor in `fit`.
/// Then at most alpha of known images are refused (RefusalGuarantee), for finite samples and whatever the network
/// (split-conformal, KnownScores::p_values).
///
/// The score is chosen by leaving out classes, at most 40: a class's images are unknown to means and rows without them
/// and to logits without its logit. The score of the highest mean AUROC is taken. Where `fit` has one class, or no
/// class and no other has images to judge by, nothing can be compared: then it is the nearest where there are features,
/// else the energy.
///
/// activation: as for predict::UnknownScorer. Throws std::invalid_argument for options out of range, shapes that do not
/// fit, non-finite outputs, and a score that cannot be fitted (Mahalanobis with one class; features that are missing).
UnknownFit fit_unknown(const LabelledOutputs& fit, const LabelledOutputs& threshold, metric::Activation activation,
                       const UnknownOptions& options = {});

/// Without any held-out image: for networks whose features never trained on these images, as a probe's. Every image is
/// judged by its nearest neighbours among the others, and at most 2 alpha of known images are refused (kLeftOut).
/// known: at least 3 images, all of which are kept. Throws as above, for options that ask for another score or for
/// `per_class`, and where the images do not fit in most_bytes.
UnknownFit fit_unknown_left_out(const LabelledOutputs& known, const UnknownOptions& options = {});

}  // namespace margay::interpret
