#pragma once

namespace margay::train::rules {

/// The operands of a formula. V is a vector of lanes or a list of tensors; both support + - * / sqrt and sign.
template <class V>
struct Values {
  V parameter;
  V gradient;
  V avg;                    ///< average gradient
  V sqr_avg;                ///< average squared gradient
  V slow;                   ///< Lookahead's weights
  typename V::Ratio ratio;  ///< LAMB, LARS: the rate of this parameter / lr
};

/// The arrays that a pass reads, and those that it changes. The parameter is always read.
struct Arrays {
  bool parameter = false;
  bool gradient = false;
  bool avg = false;
  bool sqr_avg = false;
  bool slow = false;
};

}  // namespace margay::train::rules
