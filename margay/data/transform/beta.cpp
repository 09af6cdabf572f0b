#include "margay/data/transform/beta.h"

#include <cmath>
#include <numbers>

namespace margay::data {
namespace {

/// In (0, 1]: its logarithm is finite.
double positive_uniform(core::Random& random) { return 1 - random.uniform(); }

double draw_normal(core::Random& random) {
  const double radius = std::sqrt(-2 * std::log(positive_uniform(random)));
  return radius * std::cos(2 * std::numbers::pi * random.uniform());
}

/// The logarithm of a gamma variable: for small shapes the variable itself underflows.
double draw_log_gamma(double shape, core::Random& random) {
  if (shape < 1) return draw_log_gamma(shape + 1, random) + std::log(positive_uniform(random)) / shape;
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = draw_normal(random);
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(positive_uniform(random)) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

}  // namespace

double draw_gamma(double shape, core::Random& random) { return std::exp(draw_log_gamma(shape, random)); }

double draw_beta(double a, double b, core::Random& random) {
  const double first = draw_log_gamma(a, random);
  return 1 / (1 + std::exp(draw_log_gamma(b, random) - first));
}

}  // namespace margay::data
