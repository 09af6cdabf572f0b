#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "margay/core/options.h"
#include "margay/data/data_block.h"
#include "margay/data/item.h"
#include "margay/data/loader/loader_options.h"
#include "margay/model/classifier.h"
#include "margay/predict/features.h"
#include "margay/predict/image_groups.h"
#include "margay/predict/predictions.h"
#include "margay/train/probe/fine_tuning_outlook.h"
#include "margay/train/probe/learning_curve.h"
#include "margay/train/probe/output_scale.h"
#include "margay/train/probe/probe_score.h"
#include "margay/train/probe/strength_choice.h"

namespace margay::train {

/// What strength and temperature are chosen on: the training images, each left out with its group, or the validation
/// set, for data whose training images are more alike than those that the classifier will see.
enum class ProbeSelect { kLeftOut, kValid };

constexpr auto names(ProbeSelect /*tag*/) {
  return std::array{std::pair{ProbeSelect::kLeftOut, "left_out"}, std::pair{ProbeSelect::kValid, "valid"}};
}

struct ProbeOptions {
  /// kWeights: each image weighs N / (K n) for a class of n images, K being the classes that occur; with several labels
  /// the rarest of them counts, and images without a label are a class of their own (as data::sample_weights).
  /// kSampler is the same here: the fit is exact, so an image that is drawn twice and one that weighs 2 are one.
  data::Balance balance = data::Balance::kNone;
  ProbeSelect select = ProbeSelect::kLeftOut;
  /// Of the ridge penalty, for features whose mean norm is 1. Absent: it is chosen.
  std::optional<double> strength;
  bool learning_curve = true;
  /// Of the folds that nested scores use and of the learning curve's subsets.
  std::uint64_t seed = 42;

  // For probe() alone, but for its group.
  predict::Grouping grouping = predict::Grouping::kAuto;
  /// Processes of its group share the features and the sums of the fit; all of them then have the probe.
  predict::FeatureOptions features;

  static const core::OptionTable& fields();
};

/// Which images cannot be told apart from one another: groups of near copies, of one burst, of one patient. Each int64
/// [N], any values; images of one value are left out together. Undefined: each image is a group of its own.
struct ProbeGroups {
  torch::Tensor train;
  torch::Tensor valid;  ///< for standard errors, and for the folds of `select` valid
};

/// How the classifier does on the validation set.
struct ProbeValidation {
  ProbeScore score;
  predict::Predictions predictions;
  ProbeDisagreement disagreement;
};

struct ProbeResult {
  // The classifier: logits = weight · features + bias, for features as they were given.
  torch::Tensor weight;  ///< float [K,D]
  torch::Tensor bias;    ///< float [K]

  // How it came about.
  double strength = 0;               ///< for features whose mean norm is 1
  double feature_norm = 0;           ///< the mean norm of the training features
  OutputScale scale;                 ///< of the regression's outputs; it is within weight and bias
  std::vector<TriedStrength> tried;  ///< in growing order; one if the strength was given
  /// The strengths that the folds of the nested score chose, one a fold.
  std::vector<double> fold_strengths;

  // What was left out together.
  std::int64_t images = 0;         ///< N, those that could be read
  std::int64_t groups = 0;         ///< N where no group has two images
  std::int64_t largest_group = 1;  ///< in images

  /// Of each training image: what the fit without its group says, with strength and temperature from outside its fold.
  predict::Predictions left_out;
  ProbeScore score;           ///< of `left_out`
  double blind_error = 0;     ///< of always predicting the most frequent class, or of each label what is more frequent
  double training_error = 0;  ///< of the classifier on the images it was fitted on, as ProbeScore's error
  std::optional<ProbeValidation> valid;

  std::vector<std::int64_t> absent_classes;     ///< no training image; they are never predicted
  std::vector<std::int64_t> one_group_classes;  ///< all images in one group; left out, they cannot be right

  std::optional<LearningCurve> curve;  ///< absent if it was not asked for
  FineTuningOutlook fine_tuning;
};

/// Fits a linear classifier to features in closed form: ridge regression on one-hot targets (Ridge), whose outputs
/// become logits by one temperature for all classes, or by a scale and an offset for each of several labels.
///
/// Every left-out output is exact for its strength: that of the fit without the image's whole group. The strength is
/// chosen by the loss of the left-out outputs at their own temperature, first on half decades from 1e-4 to 1e3, beyond
/// them while the best is the last, then on eighths of a decade around the best; of strengths whose losses differ by
/// less than 1e-7 nats the largest is taken. See strength_grid for the end of the grid.
///
/// Nested in `score` and `left_out`: whole groups are dealt to 5 folds (fewer if there are fewer groups), and strength
/// and temperature of a fold come from the left-out losses of the other folds alone. So no image has a part in choosing
/// what it is judged by. Not nested: the left-out outputs of the other folds are of fits that include the fold (to
/// leave it out there, too, would cost a decomposition for each pair), the unit of the strength (the mean norm, which
/// knows no targets), and the groups. The classifier's own strength and temperature come from all images.
///
/// With select kValid strength and temperature come from the validation set in the same way; its score and predictions
/// are then cross-fitted over folds of it, while `score` needs no nesting.
///
/// Where N K exceeds a million, only as many images choose as give a million numbers, at least 2,000, drawn at random;
/// all are judged. Memory beside the features: 16 N K bytes for `left_out`, 100 MB, and Ridge's.
///
/// train: rows float [N,D], targets int64 [N] or float [N,K]; valid: the same, or null; num_classes: K.
/// Throws std::invalid_argument for shapes that do not fit, options out of range, no targets, features that are not
/// finite or all zero (naming the image's position in the dataset), one class only, one group only, and kValid without
/// a validation set of two groups.
ProbeResult fit_probe(const predict::Features& train, const predict::Features* valid, const ProbeGroups& groups,
                      std::int64_t num_classes, data::Task task, const ProbeOptions& options = {});

struct Probe {
  predict::Features train;
  predict::ImageGroups train_groups;
  std::optional<predict::Features> valid;
  std::optional<predict::ImageGroups> valid_groups;
  ProbeResult result;
};

/// The same for images of these loaders, with the groups that there are. Throws core::DataError, naming the file, for
/// features that are not finite.
ProbeResult fit_probe(const Probe& images, const data::Loaders& loaders, const ProbeOptions& options = {});

/// One pass over the images of both sets for their features (predict::collect_features), their groups
/// (predict::group_images), fit_probe, and weight and bias written into the classifier's head, which must be a linear
/// one (HeadKind::kLinear). The classifier is ready for bundles, prediction and training then. The training images are
/// transformed as for validation. count: receives the number of images done.
/// Throws as collect_features, group_images and fit_probe; std::invalid_argument for another kind of head or another
/// number of classes than the data's.
Probe probe(const data::Loaders& loaders, model::Classifier& classifier, const ProbeOptions& options = {},
            const predict::ImageCounter& count = {});

}  // namespace margay::train
