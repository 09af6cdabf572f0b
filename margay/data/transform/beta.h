#pragma once

#include "margay/core/random.h"

namespace margay::data {

/// A number of the gamma distribution with this shape, above 0, and scale 1, by Marsaglia, Tsang, "A simple method for
/// generating gamma variables", 2000. Takes as many draws as it needs.
double draw_gamma(double shape, core::Random& random);

/// A number of the beta distribution, 0 … 1: the share of one gamma variable in the sum of two.
double draw_beta(double a, double b, core::Random& random);

}  // namespace margay::data
