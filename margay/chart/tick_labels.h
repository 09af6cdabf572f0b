#pragma once

#include <string>

namespace margay::chart {

/// A number in few characters: whole ones below ten million in full, others rounded to three digits, those below a
/// hundredth as learning rates are written: "12345", "0.45", "1.2e-3".
std::string short_number(double number);

/// The spacing of ticks, mantissa * 10^exponent with a mantissa of 1, 2 or 5.
struct TickStep {
  int mantissa = 1;
  int exponent = 0;

  double size() const { return times(1); }
  /// The k-th multiple, as close to its decimal name as a double comes.
  double times(double k) const;
};

/// A multiple of the step with the decimals the step needs; written with an exponent where the ticks of an axis whose
/// largest number is `largest` would be long otherwise: "0.15", "20000", "1.5e-6".
std::string tick_label(double value, const TickStep& step, double largest);

}  // namespace margay::chart
