#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "margay/core/options.h"
#include "margay/interpret/label_issues.h"
#include "margay/predict/image_groups.h"
#include "margay/run/data_options.h"
#include "margay/run/probe_options.h"

namespace margay::run {

/// How labels are judged by probabilities, and what else is searched for.
struct LabelJudgeOptions {
  interpret::LabelFilter filter = interpret::LabelFilter::kPruneByNoiseRate;
  interpret::LabelQuality rank_by = interpret::LabelQuality::kSelfConfidence;
  double label_fraction = 1;        ///< as LabelIssueOptions::fraction
  std::int64_t least_of_class = 1;  ///< as LabelIssueOptions'
  bool copies = true;               ///< near duplicates, also turned, mirrored and cropped; they need features
  bool outliers = true;             ///< images far from every class; they need features
  bool class_groups = true;         ///< a class of two kinds, two classes that are one
  /// Images of one group are left out together; with near copies or the data's own groups.
  predict::Grouping grouping = predict::Grouping::kAuto;
  std::uint64_t seed = 42;  ///< of folds, of the bootstrap and of the halves that tests of groups use

  static const core::OptionTable& fields();
};

/// Where probabilities of images come from that their predictor did not see. One of:
///  - a probe (the default): a linear classifier on the features of a pretrained network, each image judged by the
///  exact
///    fit without it and without its group (train::fit_probe), in one pass;
///  - `folds`: so many trainings, each predicting a part that it did not have;
///  - `probabilities`: a table of them, which another program made;
///  - `model`: a bundle, for the images that it was not trained on.
struct LabelCheckOptions {
  std::filesystem::path folder;
  DataOptions data;
  int deep_bits = data::ReadOptions().deep_bits;             ///< as in training (Transforms)
  std::int64_t max_pixels = data::ReadOptions().max_pixels;  ///< an image that claims more counts as unreadable

  // In the table.
  std::filesystem::path model;
  std::filesystem::path probabilities;
  std::optional<std::int64_t> folds;
  std::string arch = "resnet18";
  ProbedNetworkOptions network;
  int size = 224;       ///< of the network's input, pixels
  int batch_size = 64;  ///< images
  bool keep_features = true;
  std::int64_t epochs = 3;  ///< of each training of `folds`
  std::string recipe;       ///< its text, in place of fine-tuning for `epochs`
  LabelJudgeOptions judge;

  static const core::OptionTable& fields();
};

/// Throws std::invalid_argument for settings that cannot work, without looking at the data.
void check_label_options(const LabelCheckOptions& options);

}  // namespace margay::run
