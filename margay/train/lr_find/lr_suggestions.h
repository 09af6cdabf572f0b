#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "margay/train/lr_find/lr_curve.h"

namespace margay::train {

struct LrSuggestion {
  std::string name;
  double lr = 0;
  std::string rule;  ///< how it was found, as half a sentence: "a tenth of …"
};

/// Learning rates that a sweep of `num_it` planned steps suggests: fastai's valley, slide, minimum and steep, in this
/// order and with its choices (2.7.13, callback/schedule.py). As there, the first tenth of the planned steps and the
/// last 5 are left out, and everything from the first NaN on; comparisons are made in float32. A rule that has nothing
/// to say of the curve is absent: where too few steps are left (valley needs 3, slide 16, the others 2), or where the
/// loss never falls (all but slide). Throws std::invalid_argument unless there is one loss per rate and rates are
/// positive and grow.
std::vector<LrSuggestion> lr_suggestions(const LrCurve& curve, std::int64_t num_it);

}  // namespace margay::train
