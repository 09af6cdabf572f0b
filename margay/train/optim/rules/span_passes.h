#pragma once

#include <cstdint>

#include "margay/train/optim/optimizer_options.h"

namespace margay::train::rules {

/// n elements of each array, none of which overlap. Arrays that the rule does not have may be null.
struct Spans {
  float* parameter = nullptr;
  const float* gradient = nullptr;
  float* avg = nullptr;
  float* sqr_avg = nullptr;
  float* slow = nullptr;
  std::int64_t n = 0;
};

/// One pass of a rule: each element is read once and written once. `numbers`, and the ratio of LAMB and LARS, apply to
/// all elements. Returns the sums if it is a measuring pass.
using SpanPass = SquareSums (*)(const Spans& spans, const StepNumbers& numbers, double ratio);

/// A rule is one pass, or a measuring pass and an updating pass.
struct SpanRule {
  SpanPass measure = nullptr;
  SpanPass step = nullptr;
};

/// For the best instruction set of this machine.
SpanRule span_rule(OptimizerKind kind);
SpanPass span_lookahead();

}  // namespace margay::train::rules
