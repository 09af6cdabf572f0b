#include "margay/train/callback/clip_gradients.h"

#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/train/learner.h"
#include "margay/train/precision/gradients.h"

namespace margay::train {
namespace {

double checked_max_norm(const char* name, double bound) {
  if (bound > 0) return bound;
  throw std::invalid_argument(fmt::format("[{}] the bound must be positive, got {}", name, bound));
}

}  // namespace

ClipGradientNorm::ClipGradientNorm(double max_norm)
    : max_norm_(checked_max_norm("ClipGradientNorm", max_norm)), norm_(std::numeric_limits<double>::quiet_NaN()) {}

void ClipGradientNorm::before_step(Learner& learner, const Progress& /*at*/) {
  norm_ = clip_by_norm(gradients_of(learner.classifier()), max_norm_);
  if (norm_ > max_norm_) ++clipped_steps_;
}

ClipGradientValue::ClipGradientValue(double limit) : limit_(checked_max_norm("ClipGradientValue", limit)) {}

void ClipGradientValue::before_step(Learner& learner, const Progress& /*at*/) {
  clip_by_value(gradients_of(learner.classifier()), limit_);
}

}  // namespace margay::train
