#pragma once

#include <array>
#include <string>
#include <utility>

#include "margay/train/probe/learning_curve.h"
#include "margay/train/probe/probe_score.h"

namespace margay::train {

/// Whether training all layers is likely to lower the error.
enum class FineTuningGain { kLikely, kUnclear, kUnlikely };

constexpr auto names(FineTuningGain /*tag*/) {
  return std::array{std::pair{FineTuningGain::kLikely, "likely"}, std::pair{FineTuningGain::kUnclear, "unclear"},
                    std::pair{FineTuningGain::kUnlikely, "unlikely"}};
}

struct FineTuningOutlook {
  FineTuningGain gain = FineTuningGain::kUnclear;
  std::string reason;  ///< one sentence
};

/// Errors that a left-out error is compared with.
struct ErrorsAround {
  double training = 0;  ///< ProbeResult::training_error
  double blind = 1;     ///< ProbeResult::blind_error
};

/// What a probe knows of it, by the first of these rules that applies:
///  - the validation set disagrees beyond chance: unclear, the left-out score does not hold there;
///  - the error is not below that of a blind guess by two standard errors: unclear, the features tell nothing;
///  - the error and two standard errors (3 / groups without an error) are below 2 %: unlikely, little is left to gain;
///  - the classifier errs on its own training images at least half as often as on those left out: likely, since then
///  the
///    features, not the number of images, are the limit;
///  - the learning curve falls beyond noise: unclear, since images are the limit, of training all layers, too;
///  - it does not: likely, since more images would not help these features;
///  - there is no learning curve: unclear.
/// These are rules of thumb; only a training shows.
/// disagreement: null without a validation set. curve: null if it was not asked for.
FineTuningOutlook fine_tuning_outlook(const ProbeScore& left_out, const ErrorsAround& around,
                                      const ProbeDisagreement* disagreement, const LearningCurve* curve);

}  // namespace margay::train
