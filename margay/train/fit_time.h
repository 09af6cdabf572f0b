#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace margay::train {

/// How much faster an image validates than it trains, without the backward pass: a guess until it has been measured.
inline constexpr double kValidationSpeed = 2.5;

/// The seconds of a fit that has only so many of them.
class FitTime {
 public:
  /// Begins to count. spent_s: before an interruption. budget_s: nothing if the fit may take as long as it takes.
  /// validation_s: what a validation took before.
  void begin(double spent_s, std::optional<double> budget_s, std::optional<double> validation_s) {
    begin_ = Clock::now();
    validation_s_ = validation_s.value_or(0);
    has_measured_ = validation_s.has_value();
    spent_s_ = spent_s;
    budget_s_ = budget_s;
  }
  double spent_s() const { return spent_s_ + std::chrono::duration<double>(Clock::now() - begin_).count(); }
  /// How long a validation took, and so will take again: it must fit in as well.
  void set_validation_s(double seconds) {
    validation_s_ = seconds;
    has_measured_ = true;
  }
  /// A guess, until one has been measured.
  void guess_validation_s(double seconds) {
    if (!has_measured_) validation_s_ = seconds;
  }

  bool is_limited() const { return budget_s_.has_value(); }
  /// The share of the time for training that is over, 0 … 1.
  double fraction() const { return std::min(1.0, spent_s() / std::max(1e-9, *budget_s_ - validation_s_)); }
  bool is_up() const { return is_limited() && fraction() >= 1; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_;
  double spent_s_ = 0;
  std::optional<double> budget_s_;
  double validation_s_ = 0;
  bool has_measured_ = false;
};

}  // namespace margay::train
