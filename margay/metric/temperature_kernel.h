#pragma once

#include <cstddef>

namespace margay::metric {

/// The loss that fit_temperature minimises, in nats, and its derivatives with respect to the scale (1 / temperature).
struct TemperatureLoss {
  double loss = 0;
  double first = 0;
  double second = 0;  ///< not negative: the loss is convex in the scale
};

/// The curves that a row of finite logits z adds to the loss, at scale t: functions for the instruction set of this
/// processor, float64 within.
template <class Real>
struct TemperatureKernel {
  /// log Σ exp(t d) with d = z - largest, the largest of the row.
  TemperatureLoss (*log_sum)(const Real* logits, std::size_t classes, double largest, double scale);
  /// Σ log(1 + exp(t z)).
  TemperatureLoss (*softplus)(const Real* logits, std::size_t labels, double scale);
};

/// Real: float or double.
template <class Real>
TemperatureKernel<Real> temperature_kernel();

template <>
TemperatureKernel<float> temperature_kernel<float>();
template <>
TemperatureKernel<double> temperature_kernel<double>();

}  // namespace margay::metric
